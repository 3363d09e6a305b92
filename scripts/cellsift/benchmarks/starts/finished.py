"""A project whose every output is there, with what Snakemake notes of it, without any work."""

from pathlib import Path

from cellsift.benchmarks.starts.checkout import Side

# Snakemake's own way to mark outputs as made: it notes of each what its job depends on. Between two
# jobs it would sleep.
TOUCH = """
import sys
from snakemake.cli import main
from snakemake.executors.touch import Executor
Executor.SLEEPING_TIME = 0
main([*sys.argv[1:], "--touch", "--forceall", "--cores", "1", "--quiet", "all"])
"""
FOLDERS = (".zarr", "tensorboard", "mlflow")


def finish(side: Side, config: Path) -> None:
    """Make all outputs of the project of a config, empty, in the order of its jobs.

    Raises InputError where Snakemake cannot plan it.
    """
    for output in outputs(side, config):
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.name.endswith(FOLDERS):
            output.mkdir(exist_ok=True)
        else:
            output.touch()
    side.python("-c", TOUCH, "--configfile", str(config))


def outputs(side: Side, config: Path) -> list[Path]:
    """The paths of all that a run would make."""
    listed = side.answer("-m", "snakemake", "--summary", "--configfile", str(config))
    header, *rows = [line.split("\t") for line in listed.splitlines() if "\t" in line]
    column = header.index("output_file")
    return [side.folder / row[column] for row in rows]
