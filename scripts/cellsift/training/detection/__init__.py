"""The search for a detector and its parameters, on annotated train brains."""
