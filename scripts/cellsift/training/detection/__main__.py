"""Suggest settings of detection for a volume without annotation, by its bright spots alone.

The size of its voxels is what its metadata say, unless it is given. Where neither is known, the
spots are measured in voxels, from which the size follows once that of the cells is known.
"""

import argparse
import sys

import yaml

from cellsift.errors import InputError
from cellsift.io.axes import Size
from cellsift.io.volumes import open_volume, stated_size
from cellsift.io.voxel_size import check_voxel_size
from cellsift.training.detection.suggestion import Suggestion, suggest_detection

UNKNOWN: Size = (1.0, 1.0, 1.0)
# A soma of a mouse, µm, where an example is needed.
TYPICAL = 12.0
# Spots less deep than so many planes are seen in one alone.
ONE_PLANE = 1.2
SPECKS = (
    "They are about one plane long, as specks of noise are: look whether they are cells, which in "
    "planes that lie closer than cells are deep are seen in several."
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.training.detection", description=__doc__
    )
    parser.add_argument("volume", help="folder of planes, TIFF stack, list of planes or OME-Zarr")
    parser.add_argument(
        "--voxel-size",
        nargs=3,
        type=float,
        metavar=("Z", "Y", "X"),
        help="in µm; otherwise what the metadata say",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the places that are looked at")
    given = parser.parse_args(arguments)
    try:
        size, source = _voxel_size(given.volume, given.voxel_size)
        volume = open_volume(given.volume, size or UNKNOWN)
        suggestion = suggest_detection(volume, given.seed, told=_tell)
    except InputError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(_in_voxels(suggestion) if size is None else _in_micrometres(suggestion, size, source))
    return 0


def _tell(doing: str) -> None:
    print(doing, file=sys.stderr, flush=True)


def _voxel_size(path: str, given: list[float] | None) -> tuple[Size | None, str]:
    """The size (z, y, x) in µm, or None, and where it is from."""
    if given is not None:
        return check_voxel_size(given, "--voxel-size"), "--voxel-size"
    stated = stated_size(path)
    sizes = [] if stated is None else [size for size in stated.sizes if size is not None]
    if stated is None or len(sizes) < 3:
        return None, ""
    return check_voxel_size(sizes, f"{path}: the {stated.source}"), stated.source


def _in_micrometres(suggestion: Suggestion, size: Size, source: str) -> str:
    somata = suggestion.somata
    said = [
        f"Voxels (z, y, x) of {size[0]:g}, {size[1]:g}, {size[2]:g} µm, from {source}.",
        f"Suggested by the {suggestion.spots} brightest spots that were seen: about "
        f"{somata.diameter:.3g} µm wide and {somata.depth:.3g} µm long along z.",
        "Unchecked: without annotated cells nobody knows whether these are the cells, nor how many "
        "are missed.",
    ]
    if somata.too_flat:
        said.append(
            "They seem flatter along z than wide, which no microscope makes of a cell: the size of "
            "voxels may be wrong, or these are specks of single planes, such as noise."
        )
    elif somata.depth < ONE_PLANE * size[0]:
        said.append(SPECKS)
    settings = yaml.safe_dump({"detection": suggestion.detection}, sort_keys=False)
    return "".join(f"# {line}\n" for line in said) + settings.rstrip()


def _in_voxels(suggestion: Suggestion) -> str:
    somata = suggestion.somata
    specks = f"{SPECKS} " if somata.depth < ONE_PLANE else ""
    return (
        f"The volume does not say how large its voxels are. The {suggestion.spots} brightest spots "
        f"that were seen are about {somata.diameter:.3g} voxels wide and {somata.depth:.3g} planes "
        f"deep. If they are cells {TYPICAL:g} µm wide, a voxel is {TYPICAL / somata.diameter:.2g} "
        f"µm wide, and planes lie {TYPICAL / somata.depth:.2g} µm apart or, as microscopes draw "
        f"cells longer along z, somewhat more. {specks}Unchecked: look into the microscope's "
        "settings, and give --voxel-size Z Y X for settings of detection."
    )


if __name__ == "__main__":
    sys.exit(main())
