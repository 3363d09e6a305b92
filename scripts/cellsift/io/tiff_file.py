"""TIFF files opened so that whatever is wrong with them becomes a message for the user."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tifffile import TiffFile

from cellsift.errors import InputError, disk_trouble


@contextmanager
def opened(path: Path, first_page: bool = False) -> Iterator[TiffFile]:
    """Open a TIFF file; whatever tifffile cannot make sense of becomes an InputError.

    With `first_page` it is not looked whether the other pages' headers are there: that takes long
    for many.
    """
    try:
        # A file of a multi-file OME-TIFF otherwise opens all the others too.
        with _heard() as complaints, TiffFile(path, _multifile=False) as tif:
            count = 0 if first_page else len(tif.pages)
            if any("invalid page offset" in complaint for complaint in complaints):
                raise InputError(cut_off(f"{path}: plane {count} (counted from 0)"))
            yield tif
            if any("series is missing files" in complaint for complaint in complaints):
                raise InputError(
                    f"{path}: this is one of several files of an image, which together hold its "
                    "planes. Open the image in Fiji or Micro-Manager and save it as one file, or "
                    "as one file per plane."
                )
    except (InputError, MemoryError):
        raise
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file. Correct the path, or check that its disk or network "
            "share is mounted."
        ) from None
    # What a library raises for damaged headers may be anything.
    except Exception as error:
        raise InputError(unreadable(path, error)) from error


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Yield a list that gathers what tifffile logs in this thread instead of raising it."""
    complaints: list[str] = []
    thread = threading.get_ident()

    def gather(record: logging.LogRecord) -> bool:
        if record.thread == thread:
            complaints.append(record.getMessage())
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(gather)
    try:
        yield complaints
    finally:
        logger.removeFilter(gather)


def cut_off(what: str) -> str:
    """The message for a plane of which the file lacks the end."""
    return f"{what}: the file is cut off before this plane's end. Copy or export the file again."


def unreadable(what: str | Path, error: Exception) -> str:
    """The message for a file that tifffile, or the disk, does not give."""
    if trouble := disk_trouble(error):
        return f"{what}: {trouble}."
    return f"{what}: cannot be read as TIFF ({error}). Copy or export the file again."
