"""Suggest settings of detection for a volume without annotation, by its bright spots alone."""

import argparse
import sys

import yaml

from cellsift.errors import InputError
from cellsift.io.volumes import open_volume
from cellsift.io.voxel_size import check_voxel_size
from cellsift.training.detection.suggestion import suggest_detection


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.training.detection", description=__doc__
    )
    parser.add_argument("volume", help="folder of planes, TIFF stack, list of planes or OME-Zarr")
    parser.add_argument(
        "--voxel-size", nargs=3, type=float, required=True, metavar=("Z", "Y", "X"), help="in µm"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the places that are looked at")
    given = parser.parse_args(arguments)
    try:
        size = check_voxel_size(given.voxel_size, "--voxel-size")
        suggestion = suggest_detection(open_volume(given.volume, size), given.seed)
    except InputError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(
        f"# Suggested by the {suggestion.spots} brightest spots that were seen: about "
        f"{suggestion.somata.diameter:.3g} µm wide and {suggestion.somata.depth:.3g} µm long "
        "along z.\n# Unchecked: without annotated cells nobody knows whether these are the cells, "
        "nor how many are missed."
    )
    print(yaml.safe_dump({"detection": suggestion.detection}, sort_keys=False), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
