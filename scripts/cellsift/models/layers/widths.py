"""Numbers of features that hardware likes."""


def multiple_of_eight(features: float) -> int:
    """Return the nearest multiple of 8, at least 8, and not more than a tenth below."""
    rounded = max(8, int(features + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * features else rounded
