"""Models that travel: `cellsift models list | show | fetch | check`."""

from pathlib import Path
from typing import Annotated

import typer

from cellsift.cli.telling import AS_JSON, tell

app = typer.Typer(
    help="Releases: list, show, fetch and check them.",
    no_args_is_help=True,
    epilog="Example: cellsift models list --models models",
)
MODEL = Annotated[str, typer.Argument(help="Path, address or NAME[@VERSION] of a release.")]
INDEX = Annotated[
    str | None, typer.Option("--models", help="Folder or address of an index ($CELLSIFT_MODELS).")
]
JSON = Annotated[bool, AS_JSON]


@app.command("list", epilog="Example: cellsift models list --models models")
def list_models(models: INDEX = None, as_json: JSON = False) -> None:
    """Show the releases that an index has."""
    import os

    from cellsift.errors import InputError
    from cellsift.releases.fetch import MODELS
    from cellsift.releases.index import read_index

    place = models or os.environ.get(MODELS)
    if not place:
        raise InputError(f"which index? Give --models, or set {MODELS}, a folder or an address")
    found = [
        {"model": f"{entry.name}@{entry.version}", "description": entry.description}
        for entry in read_index(place)
    ]
    lines = [f"{row['model']}  {row['description']}" for row in found]
    tell({"models": found}, "\n".join(lines) or f"{place} lists no releases yet", as_json)


@app.command(epilog="Example: cellsift models show cfos-2026@1.0.0")
def show(model: MODEL, models: INDEX = None) -> None:
    """Print the card of a release: what it was trained on, how well it does, its limits."""
    from cellsift.releases.fetch import fetch as get

    print(Path(get(model, models).folder, "card.md").read_text(encoding="utf-8"))


@app.command(epilog="Example: cellsift models fetch cfos-2026 --models https://models.example.org")
def fetch(model: MODEL, models: INDEX = None, as_json: JSON = False) -> None:
    """Get a release, once, and check its every byte."""
    from cellsift.releases.fetch import fetch as get

    got = get(model, models)
    found = {"name": got.release.name, "version": got.release.version, "folder": str(got.model)}
    sentence = (
        f"{found['name']} {found['version']}: {got.release.description}\n"
        f"checked, all {len(got.release.members)} files; the model is in {got.model}"
    )
    tell(found, sentence, as_json)


@app.command(epilog="Example: cellsift models check cfos-2026@1.0.0")
def check(model: MODEL, models: INDEX = None, as_json: JSON = False) -> None:
    """Get a release, and compare the logits of this machine with those published."""
    from cellsift.inference.trained_arm import load_arm
    from cellsift.releases.fetch import fetch as get
    from cellsift.releases.pack import PARITY
    from cellsift.releases.parity import check_parity

    got = get(model, models)
    difference = check_parity(load_arm(got.model), got.folder / PARITY)
    found = {"name": got.release.name, "version": got.release.version, "difference": difference}
    sentence = (
        f"{found['name']} {found['version']} is as published; on this machine its logits differ "
        f"from those published by at most {difference:.2g}"
    )
    tell(found, sentence, as_json)
