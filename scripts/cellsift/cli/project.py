"""Commands before a run: a config to begin with, and whether it can work."""

from pathlib import Path
from typing import Annotated

import typer

from cellsift.cli.telling import AS_JSON, DRY_RUN, tell

VOXEL = Annotated[
    tuple[float, float, float] | None,
    typer.Option("--voxel-size", help="z y x in µm, where files do not say it."),
]
JSON = Annotated[bool, AS_JSON]


def init(
    volumes: Annotated[list[Path], typer.Argument(help="Volumes, or folders with `signal`.")],
    name: Annotated[str, typer.Option(help="Of the two files and of the results.")] = "mine",
    voxel_size: VOXEL = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: JSON = False,
) -> None:
    """Write a commented config and table of brains for these volumes, to be confirmed by you."""
    from cellsift.steps.starting_files import refuse_existing, starting_files, write_new

    files = starting_files(volumes, name, voxel_size)
    written = " and ".join(map(str, files))
    if dry_run:
        refuse_existing(files)
        tell({"would_write": [*map(str, files)]}, f"would write {written}", as_json)
        return
    write_new(files)
    next_step = f"wrote {written}: confirm the table, then cellsift check {name}.yaml"
    tell({"written": [*map(str, files)]}, next_step, as_json)


def check(
    config: Annotated[Path, typer.Argument(help="The config of a run.")], as_json: JSON = False
) -> None:
    """Look at the config and all brains of it, and run nothing."""
    from cellsift.steps.check_project import check_project

    found = check_project(config)
    lines = [
        f"{name}: {brain['refused']}" if "refused" in brain else f"{name}: can be worked on"
        for name, brain in found["brains"].items()
    ]
    doubts = [f"  {doubt}" for brain in found["brains"].values() for doubt in brain["warnings"]]
    tell(found, "\n".join([*lines, *doubts, *found["notes"]]), as_json)
    raise typer.Exit(0 if found["usable"] else 2)
