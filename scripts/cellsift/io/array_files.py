"""Several arrays in one .npz, read without running code and without unpacking a bomb."""

import zlib
from collections.abc import Collection
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from cellsift.errors import InputError


def read_arrays(
    path: str | Path, keys: Collection[str], what: str, most_bytes: int
) -> dict[str, np.ndarray]:
    """Return the arrays of these names in an .npz.

    Raises InputError, which calls the file no `what`, where one is missing, the file is damaged, or
    it would unpack to more than `most_bytes`.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            size = sum(member.file_size for member in content.zip.infolist())
            if size > most_bytes:
                raise ValueError(f"it unpacks to {size} bytes")
            return {key: content[key] for key in keys}
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it") from None
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        AttributeError,
        MemoryError,
        BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            f"{path}: not {what} ({error}); delete it and run the step that makes it"
        ) from error
