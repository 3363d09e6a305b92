"""The parts that a brain's candidates are divided into, for jobs side by side."""

from cellsift.errors import InputError


def rows_of_chunk(count: int, chunk: int, chunks: int, multiple: int = 1) -> slice:
    """Rows of chunk number `chunk`, 1 to `chunks`, of `count` candidates sorted by z, y, x.

    The chunks follow each other, differ in size by no more than one (times `multiple`, of which
    all their ends but the last are multiples), and hold every row once. There may be empty ones.
    """
    if not 1 <= chunk <= chunks:
        raise InputError(f"there is no chunk {chunk} of {chunks}; they are numbered from 1")
    blocks = -(-count // multiple)
    first, stop = (blocks * number // chunks * multiple for number in (chunk - 1, chunk))
    return slice(min(first, count), min(stop, count))
