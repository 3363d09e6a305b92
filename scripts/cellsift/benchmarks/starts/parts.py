"""What is measured of a checkout: each part is prepared once and then measured several times."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from cellsift.benchmarks.starts.adapters import start_all, write_starts
from cellsift.benchmarks.starts.checkout import Side
from cellsift.benchmarks.starts.finished import finish
from cellsift.benchmarks.starts.large_project import write_large_project
from cellsift.benchmarks.starts.measuring import Took
from cellsift.settings.brains_table import read_rows
from cellsift.settings.files import read_yaml

RUN = ("scripts/run.py", "--profile", "workflow/profiles/local", "--configfile")
PHANTOM = Path("results", "phantom")
# Where the files of arms lie, beside a config: now, and once.
FOLDERS_OF_ARMS = ("arms", "models")


@dataclass(frozen=True)
class Options:
    """What the parts have to know.

    Attributes:
        configfile: of the demo; the files of its arms, where they lie beside it, go with it.
        brains: how many the large project has.
        shared: a folder that both sides may use.
    """

    configfile: Path
    brains: int
    shared: Path


@dataclass(frozen=True)
class Part:
    """A part of the comparison.

    Attributes:
        prepare: makes a side ready; not measured.
        measure: what the rows of the table took, by their names.
    """

    prepare: Callable[[Side, Options], None]
    measure: Callable[[Side, Options], dict[str, Took]]


def _prepare_demo(side: Side, options: Options) -> None:
    config = side.folder / "demo.yaml"
    shutil.copyfile(options.configfile, config)
    take_arms(options.configfile, side.folder)
    brains = phantoms_of(side.folder, read_yaml(config))
    if brains:
        # Drawn once for both.
        side.python("-m", "cellsift.phantom", str(options.shared), "--brains", *brains)
        (side.folder / PHANTOM).parent.mkdir(exist_ok=True)
        (side.folder / PHANTOM).symlink_to(options.shared)
    side.python(*RUN, config.name, "--dry-run")


def take_arms(configfile: Path, root: Path) -> None:
    """Give a checkout the arms that a config names as they are beside it, so that both sides do
    the same."""
    for arm in read_yaml(configfile).get("arms", ()):
        for here, there in itertools.product(FOLDERS_OF_ARMS, repeat=2):
            beside, folder = configfile.parent / here / f"{arm}.yaml", root / "config" / there
            if beside.is_file() and folder.is_dir() and beside.parent != folder:
                shutil.copyfile(beside, folder / beside.name)


def phantoms_of(root: Path, config: dict) -> list[str]:
    """The made-up brains in the table of a config, whose paths are relative to `root`."""
    table = root / config.get("brains_table", "config/brains.tsv")
    rows = [row for _, row in read_rows(table)]
    return [row.brain for row in rows if Path(row.signal).is_relative_to(PHANTOM)]


def _measure_demo(side: Side, _: Options) -> dict[str, Took]:
    config = side.folder / "demo.yaml"
    _remove_results(side.folder / yaml.safe_load(config.read_text()).get("results", "results"))
    shutil.rmtree(side.folder / ".snakemake", ignore_errors=True)
    return {"the demo's workflow": side.python(*RUN, config.name)}


def _remove_results(folder: Path) -> None:
    for path in folder.glob("*"):
        # The made-up brains.
        if not path.is_symlink():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _prepare_plan(side: Side, options: Options) -> None:
    config = write_large_project(side.folder / "to_plan", side.folder, options.brains)
    side.python("-m", "snakemake", "--dry-run", "--quiet", "all", "--configfile", str(config))


def _measure_plan(side: Side, options: Options) -> dict[str, Took]:
    config = side.folder / "to_plan" / "config.yaml"
    took = side.python("-m", "snakemake", "-n", "--configfile", str(config))
    return {f"`snakemake -n`, {options.brains} brains, 10 arms": took}


def _prepare_nothing(side: Side, options: Options) -> None:
    finish(side, write_large_project(side.folder / "done", side.folder, options.brains))


def _measure_nothing(side: Side, options: Options) -> dict[str, Took]:
    took = side.python(*RUN, str(side.folder / "done" / "config.yaml"))
    return {f"a run with nothing to do, {options.brains} brains, 10 arms": took}


def _prepare_jobs(side: Side, _: Options) -> None:
    write_starts(side, side.folder / "starts")


def _measure_jobs(side: Side, _: Options) -> dict[str, Took]:
    return {f"`{name}`": took for name, took in start_all(side, side.folder / "starts").items()}


PARTS = {
    "demo": Part(_prepare_demo, _measure_demo),
    "plan": Part(_prepare_plan, _measure_plan),
    "nothing": Part(_prepare_nothing, _measure_nothing),
    "jobs": Part(_prepare_jobs, _measure_jobs),
}
