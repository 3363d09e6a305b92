"""How sure intervals are."""

CONFIDENCE = 0.95
