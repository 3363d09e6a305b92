"""The project's own tools: `cellsift benchmark TOOL ...`, each with its own arguments."""

import runpy
import sys
from collections.abc import Callable

import typer

TOOLS = {
    "costs": ("cellsift.benchmarks.costs", "what every arm costs on this machine"),
    "coverage": ("cellsift.benchmarks.coverage", "how often intervals of counts hold the truth"),
    "rehearsal": ("cellsift.benchmarks.rehearsal", "a whole brain, made up as it is read"),
    "starts": ("cellsift.benchmarks.starts", "how fast runs start, beside another checkout"),
    "phantom": ("cellsift.phantom", "write the demo's made-up brains"),
}
app = typer.Typer(help="Measure what work costs here; make up brains.", no_args_is_help=True)
OWN_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _tool(module: str) -> Callable[[typer.Context], None]:
    def call(more: typer.Context) -> None:
        sys.argv = [module, *more.args]
        runpy.run_module(module, run_name="__main__", alter_sys=True)

    return call


for _name, (_module, _said) in TOOLS.items():
    app.command(_name, help=_said, context_settings=OWN_ARGUMENTS)(_tool(_module))
