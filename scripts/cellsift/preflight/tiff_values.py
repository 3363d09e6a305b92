"""Whether the grey values of a TIFF mean what they seem to: bright cells on darker tissue."""

from pathlib import Path
from typing import Protocol

from cellsift.errors import InputError
from cellsift.io.tiff_doubts import doubts, says_white_is_zero
from cellsift.io.volumes import first_tiff

# The darkest, the usual and the brightest voxels, as percentiles.
DARK, USUAL, BRIGHT = 0.1, 50, 99.9


class Percentiles(Protocol):
    """A distribution of intensities."""

    def percentile(self, percent: float) -> int: ...


def check_tiff_values(path: str | Path, intensities: Percentiles) -> list[str]:
    """Sentences on what may be wrong; none for other files. Opens the first TIFF's header.

    Raises InputError for an image whose 0 is white and whose values bear that out.
    """
    first = first_tiff(path)
    if first is None:
        return []
    found = doubts(first, stack=first == Path(path))
    if says_white_is_zero(first):
        found.append(_inverted(first, intensities))
    return found


def _inverted(path: Path, intensities: Percentiles) -> str:
    """A sentence on a tag that the values do not bear out: cells are bright in what is stored.

    Fiji's Invert LUT writes such a tag and leaves the values; other writers turn them round.
    """
    dark, usual, bright = (intensities.percentile(p) for p in (DARK, USUAL, BRIGHT))
    if usual - dark >= bright - usual:
        raise InputError(
            f"{path}: a tag says that 0 is white (photometric MINISWHITE, or a colour table that "
            f"grows darker), and the values are dark on bright ({dark} to {bright}, half of them "
            f"below {usual}): cells would be holes. Turn the values round (in Fiji: Image > Lookup "
            "Tables > Grays, then Edit > Invert) and save it again."
        )
    return (
        "a tag says that 0 is white (photometric MINISWHITE, or a colour table that grows darker), "
        "as after Invert LUT in Fiji, which changes no value. Values are taken as they are stored, "
        f"which are bright on dark ({dark} to {bright}, half of them up to {usual}). If cells have "
        "low values there, turn them round (in Fiji: Edit > Invert) and save it again."
    )
