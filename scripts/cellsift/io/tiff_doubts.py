"""What in a TIFF file's headers may be wrong with its grey values, but need not be."""

from pathlib import Path

from tifffile import TiffFile

from cellsift.io.tiff_encoding import is_lossy, name_of
from cellsift.io.tiff_file import opened
from cellsift.io.tiff_pages import white_is_zero
from cellsift.io.tiff_run import run_of


def doubts(path: Path, stack: bool) -> list[str]:
    """Sentences for the user on one file: a stack, or the first of many planes. Reads no voxel."""
    with opened(path, first_page=True) as tif:
        page, found = tif.pages.first, _calibration(tif)
        if is_lossy(page) is None:
            found.append(
                f"{name_of(page)} compression may have changed intensities. If it was not set to "
                "lossless, export the volume again without compression or with deflate, LZW or "
                "zstd."
            )
        # A plane that was cut out of a stack may still have the stack's description.
        run = run_of(path, tif) if stack else None
        if run is not None and run.held > run.count:
            found.append(
                f"the file's description names {run.count} planes, but the file is long enough for "
                f"{run.held}. Only {run.count} are read; if some are missing, export it again."
            )
        return found


def says_white_is_zero(path: Path) -> bool:
    """Whether the file's first page says that low values are the bright ones."""
    with opened(path, first_page=True) as tif:
        return white_is_zero(tif.pages.first)


def _calibration(tif: TiffFile) -> list[str]:
    """A sentence on values that ImageJ has shifted, as it does to store numbers below 0."""
    described = tif.imagej_metadata if tif.is_imagej else None
    if not described or described.get("cf") != 0:
        return []
    zero, step = described.get("c0", 0.0), described.get("c1", 1.0)
    if not (isinstance(zero, float) and isinstance(step, float)) or zero == 0 or step == 0:
        return []
    return [
        f"by ImageJ's calibration in the file a stored value v means {zero:g} + {step:g} v, so "
        f"that {-zero / step:g} stands for 0. Values are taken as they are stored, and contrast "
        "is measured as a ratio of them: subtract what stands for 0 before, and save it again."
    ]
