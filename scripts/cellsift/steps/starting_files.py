"""A config and a table of brains to begin with, from the volumes that there are."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.volumes import open_voxels, stated_size
from cellsift.settings.files import REPOSITORY

ANNOTATIONS = ("cells.xml", "cells.csv")
UNKNOWN = "?"
# With this begins what of the config to start from is for any brains.
THE_TABLE = "# The table of your brains"


def starting_files(
    volumes: Sequence[Path], name: str, voxel_size: Sequence[float] | None = None
) -> dict[Path, str]:
    """The text of NAME.yaml and NAME.tsv, for the working directory.

    Args:
        volumes: each a volume, or a folder with `signal`, and maybe `background` and cells.xml or
            cells.csv: then its role is train, else predict.
        voxel_size: (z, y, x) in µm where files do not say it; without it stands a question mark,
            which `check` refuses.

    Raises InputError for what is no volume, and for two of one name.

    Example:
        starting_files([Path("data/mouse_1")], "mine")
    """
    names = [_brain_name(path) for path in volumes]
    if twice := sorted({found for found in names if names.count(found) > 1}):
        raise InputError(f"two volumes are named {', '.join(twice)}; rename one, or its folder")
    rows = [_row(*pair, voxel_size) for pair in zip(names, volumes, strict=True)]
    # Up to the examples: what the columns are, and their names.
    start = (REPOSITORY / "config" / "start.tsv").read_text(encoding="utf-8").splitlines()
    header = next(n for n, line in enumerate(start) if not line.startswith("#"))
    table = "\n".join([*start[: header + 1], *rows]) + "\n"
    # What stands first there is how to copy it.
    _, table_and_after, body = (
        (REPOSITORY / "config" / "start.yaml").read_text(encoding="utf-8").partition(THE_TABLE)
    )
    told = f"# Written by `cellsift init`: confirm {name}.tsv, then `cellsift check {name}.yaml`.\n"
    body = body.replace("mine.tsv", f"{name}.tsv").replace("results/mine", f"results/{name}")
    return {
        Path(f"{name}.yaml"): f"{told}\n{table_and_after}{body}",
        Path(f"{name}.tsv"): table,
    }


def write_new(files: dict[Path, str]) -> None:
    """Write files that are not there yet; InputError, and nothing written, where one is."""
    refuse_existing(files)
    for path, text in files.items():
        with atomic_file(path) as beside:
            beside.write_text(text, encoding="utf-8")


def refuse_existing(files: dict[Path, str]) -> None:
    """Raise InputError where one of these files is there."""
    if there := [str(path) for path in files if path.exists()]:
        raise InputError(f"{', '.join(there)}: is there already; remove it, or give another --name")


def _brain_name(path: Path) -> str:
    return path.name.partition(".")[0].replace(" ", "_").replace("-", "_")


def _row(name: str, path: Path, voxel_size: Sequence[float] | None) -> str:
    signal = path / "signal" if (path / "signal").exists() else path
    background = path / "background" if (path / "background").exists() else ""
    cells = next((str(path / n) for n in ANNOTATIONS if (path / n).is_file()), "")
    voxels = open_voxels(signal)
    stated = stated_size(signal)
    sizes = [*(stated.sizes if stated else (None,) * 3)]
    whence = f"voxel size by the {stated.source}" if stated else "no voxel size in the file"
    given = voxel_size or (None,) * 3
    known = [found or asked for found, asked in zip(sizes, given, strict=True)]
    said = [UNKNOWN if size is None else f"{float(size):g}" for size in known]
    shape = " x ".join(map(str, voxels.shape))
    role = "train" if cells else "predict"
    row = [name, role, str(signal), str(background), *said, cells, ""]
    return f"# {name}: {shape} voxels (z, y, x), {voxels.dtype}; {whence}: confirm it.\n" + (
        "\t".join(row)
    )
