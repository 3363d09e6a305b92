"""Commands for single volumes: no config, no workflow."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cellsift.cli.telling import AS_JSON, DRY_RUN, tell
from cellsift.results import VolumeFolder

HERE = VolumeFolder(Path())

VOLUME = Annotated[Path, typer.Argument(help="TIFF stack, folder of planes, or OME-Zarr.")]
BACKGROUND = Annotated[Path | None, typer.Option(help="The other channel of the same image.")]
VOXEL = Annotated[
    tuple[float, float, float] | None,
    typer.Option("--voxel-size", help="z y x in µm; else as the file says."),
]
METHOD = Annotated[
    str | None, typer.Option(help="The detector; else as the model learnt.", show_default=False)
]
SET = Annotated[
    list[str] | None, typer.Option("--set", help="PARAMETER=VALUE of the detector; repeatable.")
]
INDEX = Annotated[str | None, typer.Option("--models", help="Index of releases.")]
JSON = Annotated[bool, AS_JSON]
DRY = Annotated[bool, DRY_RUN]


def detect(
    volume: Annotated[Path | None, typer.Argument(help="A volume.", show_default=False)] = None,
    out: Annotated[Path, typer.Option(help="The table to write.")] = HERE.candidates,
    method: Annotated[str, typer.Option(help="The detector.")] = "dog",
    parameter: SET = None,
    voxel_size: VOXEL = None,
    try_config: Annotated[
        Path | None, typer.Option("--try", help="Detect in the train brains of a config instead.")
    ] = None,
    dry_run: DRY = False,
    as_json: JSON = False,
) -> None:
    """Propose candidates in a volume; with --try, show what a config's detection finds."""
    if (volume is None) == (try_config is None):
        raise typer.BadParameter("give either a volume, or --try CONFIG")
    if try_config is not None:
        from cellsift.cli.running import try_detection

        try_detection(try_config)
        return
    from cellsift import detection
    from cellsift.io.tables import write_table
    from cellsift.steps.one_volume import opened

    signal, parameters = opened(str(volume), voxel_size), _parameters(parameter)
    detection.check_parameters(method, **parameters)
    if dry_run:
        tell({"would_write": [str(out)]}, f"would write {out}", as_json)
        return
    candidates = detection.detect(signal, method, **parameters)
    write_table(candidates, out)
    found = {"candidates": len(candidates), "written": [str(out)]}
    tell(found, f"{len(candidates)} candidates, in {out}", as_json)


def extract(
    volume: VOLUME,
    candidates: Annotated[Path, typer.Argument(help="Table or XML of positions.")],
    model: Annotated[str, typer.Option(help="Cut cuboids as this model takes them.")],
    out: Annotated[Path, typer.Option(help="The store to write.")] = HERE.cuboids,
    background: BACKGROUND = None,
    voxel_size: VOXEL = None,
    models: INDEX = None,
    dry_run: DRY = False,
    as_json: JSON = False,
) -> None:
    """Cut the surroundings of every candidate into a store."""
    from cellsift.cuboids.extraction import extract_cuboids
    from cellsift.inference.trained_arm import load_arm
    from cellsift.io.axes import AXES
    from cellsift.io.cells import read_candidates
    from cellsift.releases.fetch import model_folder
    from cellsift.steps.one_volume import opened

    arm, signal = load_arm(model_folder(model, models)), opened(volume, voxel_size)
    at = read_candidates(candidates).points[AXES].to_numpy()
    if dry_run:
        tell({"would_write": [str(out)]}, f"would write {out}", as_json)
        return
    other = None if background is None else opened(background, signal.voxel_size)
    store = extract_cuboids(signal, other, at, arm.shape, arm.voxel_size, out, progress=not as_json)
    tell({"cuboids": len(store), "written": [str(out)]}, f"{len(store)} cuboids, in {out}", as_json)


def label(
    candidates: Annotated[
        Path, typer.Argument(help="XML, YAML or CSV of positions, or brainmapper's folder.")
    ],
    annotation: Annotated[str, typer.Argument(help="Annotated cells: XML, YAML or CSV.")],
    out: Annotated[Path, typer.Option(help="The table to write.")] = HERE.labels,
    non_cells: Annotated[
        str | None, typer.Option(help="Annotated artefacts; then nothing else counts as none.")
    ] = None,
    voxel_size: VOXEL = None,
    volume: Annotated[
        Path | None, typer.Option(help="The volume in which all positions have to lie.")
    ] = None,
    distance_um: Annotated[
        float | None, typer.Option(help="Largest distance of a match, µm; else 10.")
    ] = None,
    dry_run: DRY = False,
    as_json: JSON = False,
) -> None:
    """Tell by an annotation which candidates are cells, and how many cells have none."""
    from cellsift.errors import InputError
    from cellsift.io.tables import write_table
    from cellsift.steps.label_file import label_file
    from cellsift.steps.one_volume import opened

    signal = None if volume is None else opened(volume, voxel_size)
    size = signal.voxel_size if signal else voxel_size
    if size is None:
        raise InputError("give the size of a voxel in µm, z, y, x: --voxel-size 5 2 2, say")
    labelled, summary = label_file(
        candidates, annotation, size, non_cells=non_cells, distance_um=distance_um, volume=signal
    )
    if dry_run:
        tell({"would_write": [str(out)]}, f"would write {out}", as_json)
        return
    write_table(labelled, out)
    for doubt in summary["told"][1:]:
        _aside(doubt)
    tell(summary | {"written": [str(out)]}, _labelled(summary, out), as_json)


def _labelled(summary: dict[str, Any], out: Path) -> str:
    """What labels say, in sentences."""
    missed = len(summary["missed"])
    without = {0: "none is", 1: "1 is"}.get(missed, f"{missed} are")
    return (
        f"{summary['told'][0]}; {without} out of reach of all candidates\n"
        f"{summary['candidates']} candidates: {summary['cell']} cell, {summary['no_cell']} "
        f"no_cell, {summary['ambiguous']} ambiguous; labels in {out}"
    )


def classify(
    model: Annotated[str, typer.Argument(help="Folder with model.json, or a release.")],
    volume: VOLUME,
    out: Annotated[Path, typer.Option(help="Folder for cells.csv and cells.xml.")] = Path("cells"),
    background: BACKGROUND = None,
    candidates: Annotated[
        Path | None,
        typer.Option(help="Candidates of another program; brainmapper's folder, XML, CSV, YAML."),
    ] = None,
    method: METHOD = None,
    parameter: SET = None,
    voxel_size: VOXEL = None,
    models: INDEX = None,
    dry_run: DRY = False,
    as_json: JSON = False,
) -> None:
    """Find the cells of a volume with a trained model, detected as those that it learnt from."""
    from cellsift.steps.detection_used import UsedDetection
    from cellsift.steps.one_volume import find_cells, opened, write_found

    signal = opened(volume, voxel_size)
    other = None if background is None else opened(background, signal.voxel_size)
    if dry_run:
        paths = [str(path) for path in (VolumeFolder(out).cells, VolumeFolder(out).cells_xml)]
        tell({"would_write": paths}, f"would write {' and '.join(paths)}", as_json)
        return
    cells = find_cells(
        model,
        signal,
        other,
        models=models,
        method=method,
        parameters=_parameters(parameter),
        candidates=candidates,
        tell=_aside,
        progress=not as_json,
    )
    made = VolumeFolder(out)
    write_found(cells, made.cells, made.cells_xml)
    written = [str(made.cells), str(made.cells_xml)]
    count, used = int(cells["is_cell"].sum()), UsedDetection(**cells.attrs["detection"])
    found = {"candidates": len(cells), "cells": count, "detection": used.to_dict()}
    said = f"{count} of {len(cells)} candidates are cells: {' and '.join(written)}"
    tell(found | {"written": written}, f"{used.sentence()}\n{said}", as_json)


def _aside(doubt: str) -> None:
    """Say what is no part of the result, which programs read."""
    print(doubt, file=sys.stderr)


def _parameters(given: list[str] | None) -> dict:
    import yaml

    from cellsift.errors import InputError

    pairs = [text.partition("=") for text in given or []]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"--set {name}{equals}{value}: give PARAMETER=VALUE")
    return {name: yaml.safe_load(value) for name, _, value in pairs}


def count(
    images: Annotated[
        list[Path], typer.Argument(help="Volumes, or folders of them; one of planes is one.")
    ],
    model: Annotated[str, typer.Option(help="Folder with model.json, or a release.")],
    out: Annotated[Path, typer.Option(help="Folder for counts.json and plots.")] = Path("counts"),
    background: Annotated[
        list[Path] | None,
        typer.Option(help="The other channel, by the same names; a volume or folder, repeatable."),
    ] = None,
    method: METHOD = None,
    parameter: SET = None,
    voxel_size: VOXEL = None,
    models: INDEX = None,
    dry_run: DRY = False,
    as_json: JSON = False,
) -> None:
    """Count the cells of several volumes with a trained model."""
    from cellsift.steps.count_volumes import count_volumes, named_volumes
    from cellsift.steps.detection_used import UsedDetection

    if dry_run:
        plots = [str(VolumeFolder(out).plot(name)) for name in named_volumes(images)]
        paths = [str(VolumeFolder(out).counts), *plots]
        tell({"would_write": paths}, f"would write {', '.join(paths)}", as_json)
        return
    found = count_volumes(
        images,
        model,
        VolumeFolder(out).counts,
        VolumeFolder(out).plot,
        backgrounds=background or [],
        voxel_size=voxel_size,
        progress=not as_json,
        models=models,
        method=method,
        parameters=_parameters(parameter),
    )
    lines = [_counted(name, row) for name, row in found["counts"].items()]
    told = [UsedDetection(**found["detection"]).sentence(), *lines, found["note"]]
    tell(found, "\n".join(told), as_json)


def _counted(name: str, row: dict) -> str:
    said = f"{name}: {row['cells']} of {row['candidates']} candidates are called cells"
    if "count" not in row:
        return said
    return f"{said}; {row['count']} cells, 95% interval {row['low']} to {row['high']}"
