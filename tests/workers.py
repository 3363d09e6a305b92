"""Which tests are done first, which by one worker of pytest, and which wherever there is room."""

import re

from xdist.scheduler.loadscope import LoadScopeScheduling

# What takes long, or waits for other processes: at the end a worker would have nothing beside it.
# First SLURM, which waits most, and whole runs that need no other's results.
FIRST = ("tests/slurm/", "tests/workflow/test_odd_folders.py", "tests/workflow/")
# Whole runs that share no more than what all workers share: a file of them would keep one worker
# busy long after the others.
APART = {
    f"tests/workflow/test_{name}.py"
    for name in ("broken_brains", "conda", "odd_folders", "readme", "refusals", "runs", "two_runs")
}
# Its tests share the network of an architecture, which is the last of their parameters.
BY_PARAMETER = "tests/unit/models/test_every_architecture.py"


def unit_of(test: str) -> str:
    """What is done by one worker: a file, a test of its own, or the tests of an architecture.

    Example: unit_of("tests/unit/labels/test_folds.py::test_a") == "tests/unit/labels/test_folds.py"
    """
    file = test.partition("::")[0]
    if file in APART:
        return test
    named = re.search(r"(\w+)\]$", test) if file == BY_PARAMETER else None
    return f"{file}[{named[1]}]" if named else file


def rank(test: str) -> int:
    """How early a test is done; those of one rank keep their order.

    Example: rank("tests/slurm/test_slurm.py::test_a") == 0
    """
    return next((n for n, start in enumerate(FIRST) if test.startswith(start)), len(FIRST))


class ByWhatTheyShare(LoadScopeScheduling):
    """Gives the units to the workers, in the order in which their tests were collected."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
