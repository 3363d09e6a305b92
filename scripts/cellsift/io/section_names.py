"""Names of planes with two numbers: the section of a serial microscope, and the layer in it.

StitchIt writes section_001_01.tif, section_001_02.tif and so on. Two numbers may as well be a plane
and a channel or tile, so that words have to say which they are.
"""

import re
from os.path import splitext
from typing import NamedTuple

SECTION_WORDS = re.compile(r"(?<![a-z])(section|sect|sec)[ _.-]*$", re.IGNORECASE)
# Enough where the second number is called a layer.
SHORT_SECTION_WORDS = re.compile(r"(?<![a-z])(section|sect|sec|s|slab)[ _.-]*$", re.IGNORECASE)
LAYER_WORDS = re.compile(
    r"(?<![a-z])(optical|opt|layer|lay|l|depth|plane|z)[ _.-]*$", re.IGNORECASE
)
SEPARATORS = re.compile(r"[ _.-]+")


class Place(NamedTuple):
    """Where a plane lies: which section of the brain, and which layer of that section."""

    section: int
    layer: int


def places_of(names: list[str]) -> list[Place] | None:
    """Return each name's section and layer, or None for names that do not say them.

    All names have to be alike but for their numbers.
    """
    stems = [splitext(name)[0] for name in names]
    numbers = [tuple(map(int, re.findall(r"[0-9]+", stem))) for stem in stems]
    varying = varying_numbers(names)
    if len(varying) != 2:
        return None
    first, second = varying
    words = re.split(r"[0-9]+", stems[0])
    bare = second == first + 1 and SEPARATORS.fullmatch(words[second])
    called = LAYER_WORDS.search(words[second])
    if (bare and SECTION_WORDS.search(words[first])) or (
        called and SHORT_SECTION_WORDS.search(words[first])
    ):
        return [Place(row[first], row[second]) for row in numbers]
    return None


def varying_numbers(names: list[str]) -> list[int]:
    """Which of the names' numbers, counted from 0, are not the same in all of them."""
    found = (re.findall(r"[0-9]+", splitext(name)[0]) for name in names)
    columns = zip(*found, strict=True)
    return [place for place, column in enumerate(columns) if len(set(map(int, column))) > 1]


def first_missing(places: list[Place]) -> Place | None:
    """Return the first place that some section lacks and others have, or None."""
    there, layers = set(places), sorted({place.layer for place in places})
    for section in sorted({place.section for place in places}):
        for layer in layers:
            if (section, layer) not in there:
                return Place(section, layer)
    return None
