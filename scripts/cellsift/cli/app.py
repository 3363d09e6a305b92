"""All commands by their names. What a command needs is imported as it runs: --help is quick."""

from collections.abc import Callable

import typer

from cellsift.cli import benchmark, models, project, running, travelling, viewing, volumes

app = typer.Typer(
    help="Find labelled cells in whole-brain microscopy and know which classifier to trust.",
    no_args_is_help=True,
    epilog="Example: cellsift classify cfos-2026 brain.tif --models models",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What Snakemake knows, or a tool of the Makefile, is passed on as it was typed.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def _add(command: Callable, name: str, example: str, passes_on: bool = False) -> None:
    settings = PASSED_ON if passes_on else {}
    app.command(name, epilog=f"Example: cellsift {name} {example}", context_settings=settings)(
        command
    )


_add(project.init, "init", "data/mouse_1 data/mouse_2 --name mine")
_add(project.check, "check", "mine.yaml")
_add(running.run, "run", "mine.yaml --slurm --keep-going", passes_on=True)
_add(running.train, "train", "mine.yaml resnet_narrow", passes_on=True)
_add(running.evaluate, "evaluate", "mine.yaml", passes_on=True)
_add(running.explain, "explain", "mine.yaml resnet_narrow", passes_on=True)
_add(running.suggest, "suggest", "mine.yaml", passes_on=True)
_add(running.report, "report", "mine.yaml", passes_on=True)
_add(volumes.detect, "detect", "brain.ome.zarr --method dog --set soma_diameter=16")
_add(volumes.extract, "extract", "brain.tif candidates.csv --model cfos-2026")
_add(volumes.label, "label", "points/cells.xml annotated.csv --voxel-size 5 2 2")
_add(volumes.classify, "classify", "results/mine/models/resnet_narrow brain.tif")
_add(volumes.count, "count", "a.tif b.tif --model cfos-2026")
_add(viewing.view, "view", "results/mine mouse_1 --arm resnet_narrow")
_add(travelling.release, "release", "results/mine resnet_narrow --name cfos-2026")
_add(travelling.export, "export", "results/mine/models/resnet_narrow cfos.keras --to cellfinder")
app.add_typer(models.app, name="models")
app.add_typer(benchmark.app, name="benchmark")
