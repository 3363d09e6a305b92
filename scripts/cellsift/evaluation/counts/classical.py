"""What a plain random sample of candidates alone says of the number of cells among them."""

from cellsift.evaluation.intervals import wilson


def classical_count(cells: int, labels: int, candidates: int) -> tuple[float, float, float]:
    """Count, low and high of the cells among `candidates`, of which `labels` were drawn at random.

    The share of cells in the sample with Wilson's 95% interval: scores play no part in it.

    Example:
        >>> [round(value) for value in classical_count(30, 100, 1000)]
        [300, 219, 396]
    """
    low, high = wilson(cells, labels)
    return candidates * cells / labels, candidates * low, candidates * high
