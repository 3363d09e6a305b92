"""The project's own tools: `cellsift benchmark TOOL ...`, each with its own arguments."""

import runpy
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import NoReturn

import typer

TOOLS = {
    "costs": (
        "cellsift.benchmarks.costs",
        "what every arm costs on this machine",
        "features --folder costs",
    ),
    "coverage": (
        "cellsift.benchmarks.coverage",
        "how often intervals of counts hold the truth",
        "--repetitions 20",
    ),
    "rehearsal": (
        "cellsift.benchmarks.rehearsal",
        "a whole brain, made up as it is read",
        "rehearsal --voxels 1e9 --method dog",
    ),
    "starts": (
        "cellsift.benchmarks.starts",
        "how fast runs start, beside another checkout",
        "../before --only plan nothing jobs",
    ),
    "phantom": (
        "cellsift.phantom",
        "write the demo's made-up brains",
        "results/phantom --brains phantom_new",
    ),
}
app = typer.Typer(
    help="Measure what work costs here; make up brains.",
    no_args_is_help=True,
    epilog="Example: cellsift benchmark phantom results/phantom --brains phantom_new",
)
OWN_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _tool(name: str, module: str, example: str) -> Callable[[typer.Context], None]:
    def call(more: typer.Context) -> None:
        sys.argv = [module, *more.args]
        if {"-h", "--help"} & set(more.args):
            _help(name, module, example)
        runpy.run_module(module, run_name="__main__", alter_sys=True)

    return call


def _help(name: str, module: str, example: str) -> NoReturn:
    """What the tool says of its arguments, under the name that was typed."""
    said = StringIO()
    with redirect_stdout(said), suppress(SystemExit):
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    print(said.getvalue().replace(f"python -m {module}", f"cellsift benchmark {name}"))
    print(f"Example: cellsift benchmark {name} {example}")
    raise typer.Exit


for _name, (_module, _said, _example) in TOOLS.items():
    tool = _tool(_name, _module, _example)
    app.command(_name, help=_said, context_settings=OWN_ARGUMENTS)(tool)
