"""How well `dog` does with lengths that are other shares of a soma, on several kinds of tissue."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cellsift.benchmarks.detection.volumes import Annotated
from cellsift.detection.scale import MINIMUM_DISTANCE, SIGMA_LARGE, SIGMA_SMALL
from cellsift.training.detection.judging import Judgement, judge
from cellsift.training.detection.preparing import AnnotatedVolume, prepare_search
from cellsift.training.detection.trying import curves_of

# What is tried: multiples of the default lengths in the plane, and blurs along z in somata.
MULTIPLES = (0.67, 1.0, 1.67)
BLURS = (0.0, 0.1, 0.375)
# Volumes of one kind.
KINDS = {
    "c-Fos": ("c-Fos 695", "c-Fos 1008", "c-Fos 1147"),
    "embryo": ("embryo 90", "embryo 125", "embryo 165"),
    "microglia": ("microglia",),
    "phantom": ("phantom 11", "phantom 12"),
}


@dataclass(frozen=True)
class Tried:
    """Lengths, as a multiple of the defaults and a blur in somata, and how good they are."""

    kind: str
    multiple: float
    blur: float
    judgement: Judgement


def try_lengths(volumes: Mapping[str, Annotated]) -> Iterator[Tried]:
    """Yield how good each of the lengths is on each kind whose volumes are there.

    The soma is measured at the annotated cells, and the lengths follow it.
    """
    for kind, names in KINDS.items():
        if not set(names) <= set(volumes):
            continue
        given = [AnnotatedVolume(n, volumes[n].volume, volumes[n].cells) for n in names]
        search, _ = prepare_search(given)
        soma = search.somata.diameter
        for multiple in MULTIPLES:
            for blur in BLURS:
                curves = curves_of(
                    search.brains,
                    "dog",
                    {
                        "soma_diameter": soma,
                        "sigma_small": multiple * SIGMA_SMALL * soma,
                        "sigma_large": multiple * SIGMA_LARGE * soma,
                        "minimum_distance": multiple * MINIMUM_DISTANCE * soma,
                        "axial_blur": blur * soma,
                    },
                )
                yield Tried(kind, multiple, blur, judge(curves, search.wish))


def describe_lengths(tried: Sequence[Tried]) -> str:
    """The section of the page on them, in Markdown."""
    kinds = list(dict.fromkeys(one.kind for one in tried))
    found = {(one.multiple, one.blur, one.kind): one.judgement for one in tried}
    rows = [
        f"| {multiple:g} | {blur:g} | "
        + " | ".join(_cell(found[multiple, blur, kind]) for kind in kinds)
        + " |"
        for multiple in MULTIPLES
        for blur in BLURS
    ]
    head = f"| lengths in the plane | blur, in somata | {' | '.join(kinds)} |"
    return (
        "## The default lengths of `dog`\n\n"
        f"Multiples of the defaults ({SIGMA_SMALL} and {SIGMA_LARGE} soma diameters for the two "
        f"Gaussians, {MINIMUM_DISTANCE} for the nearest neighbour), for somata as wide as measured "
        "at the annotated cells. Of each kind: the mark by which the search compares settings, the "
        "lower the better; in brackets the lowest recall and the most candidates per cell among "
        "its volumes, with one threshold for all.\n\n"
        + "\n".join([head, "|--:|--:|" + "---|" * len(kinds), *rows])
        + "\n"
    )


def _cell(judgement: Judgement) -> str:
    return f"{judgement.loss:.1f} ({judgement.recall:.3f} at {judgement.candidates_per_cell:.1f})"
