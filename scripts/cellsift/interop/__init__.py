"""Exchange with other tools: their models and files taken over into cellsift."""
