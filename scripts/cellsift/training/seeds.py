"""Seeds of parts of a training: each has its own, so that a resumed one needs no more."""

import numpy as np


def seed_of(*numbers: int) -> int:
    """Return a seed for what these numbers stand for, such as seed, fold and epoch."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
