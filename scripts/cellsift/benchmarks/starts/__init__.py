"""How fast runs start: two checkouts measured side by side."""
