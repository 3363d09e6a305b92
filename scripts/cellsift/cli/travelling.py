"""Models for others: `cellsift release`, and `cellsift export` for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cellsift.cli.telling import AS_JSON, DRY_RUN, tell

JSON = Annotated[bool, AS_JSON]
DRY = Annotated[bool, DRY_RUN]


class Target(StrEnum):
    """What a model may be written for."""

    CELLFINDER = "cellfinder"
    ONNX = "onnx"
    BIOIMAGEIO = "bioimageio"


def release(
    results: Annotated[Path, typer.Argument(help="Folder of results of a finished run.")],
    arm: Annotated[str, typer.Argument(help="An arm, or an ensemble of arms.")],
    name: Annotated[str, typer.Option(help="What others call it, such as cfos-2026.")],
    to: Annotated[Path, typer.Option(help="Folder of the releases.")] = Path("models"),
    version: Annotated[str, typer.Option(help="Three numbers.")] = "1.0.0",
    card: Annotated[
        Path | None, typer.Option(help="YAML with tissue, limits, licence, citation, authors ...")
    ] = None,
    dry_run: DRY = False,
    as_json: JSON = False,
) -> None:
    """Write an arm of a finished run as one file, and list it in the folder's index."""
    from cellsift.releases.manifest import check_name_and_version, file_name
    from cellsift.releases.texts import read_texts

    check_name_and_version(name, version)
    texts = read_texts(card)
    if dry_run:
        file = str(to / file_name(name, version))
        tell({"would_write": [file]}, f"would write {file}", as_json)
        return
    # torch takes seconds to load.
    from cellsift.releases.pack import pack

    entry = pack(results, arm, name, to, version, texts)
    file = str(to / entry.file)
    found = {"model": f"{name}@{version}", "sha256": entry.sha256, "written": [file]}
    tell(found, f"{file} is the model {name}@{version} of the index {to}", as_json)


def export(
    model: Annotated[str, typer.Argument(help="Folder with model.json, or a release.")],
    out: Annotated[Path, typer.Argument(help="The file: .keras, .onnx, or .zip.")],
    to: Annotated[Target, typer.Option(help="The program that is to load it.")],
    cuboids: Annotated[
        list[Path] | None,
        typer.Option(help="Cuboids of the brain, for arms that normalise by brain; repeatable."),
    ] = None,
    models: Annotated[str | None, typer.Option("--models", help="Index of releases.")] = None,
    dry_run: DRY = False,
) -> None:
    """Write a trained model for cellfinder, for ONNX Runtime, or as a bioimage.io package."""
    from cellsift.releases.fetch import fetch, model_folder

    # A package of bioimage.io has the card and the parity tensors of a release.
    released = fetch(model, models) if to is Target.BIOIMAGEIO else None
    folder = released.model if released else model_folder(model, models)
    if dry_run:
        print(f"would write {out}")
    elif released:
        from cellsift.releases.bioimageio import write_bioimageio

        print(f"{write_bioimageio(released, out)} is a model package of bioimage.io")
    elif to is Target.CELLFINDER:
        from cellsift.steps.export_model import export_model

        export_model(folder, out, cuboids or [])
    else:
        from cellsift.inference.trained_arm import load_arm
        from cellsift.interop.onnx_arm import export_raw_arm

        export_raw_arm(load_arm(folder), out)
        print(f"{out} takes cuboids as they are and gives p_cell")
