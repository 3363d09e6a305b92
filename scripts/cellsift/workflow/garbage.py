"""How often Python looks for garbage while Snakemake plans."""

import gc

# Objects more than were freed, of which a plan of thousands of jobs makes millions that all stay:
# at Python's own 700 a sixth of the planning is to look through them time and again.
OBJECTS = 200_000


def collect_garbage_rarely() -> None:
    """Let this process look for objects that only refer to each other after many new ones alone.

    All others are freed at once, as ever.
    """
    gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
