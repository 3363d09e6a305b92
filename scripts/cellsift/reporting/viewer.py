"""A brain slab by slab, with the candidates drawn in and a threshold that can be moved.

The page gets pictures and marks as data; `reports/viewer.js` draws them.
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from cellsift.evaluation.counts.along_thresholds import thresholds_reached
from cellsift.io.axes import AXES
from cellsift.io.names import CELL, NO_CELL
from cellsift.reporting.html import Html
from cellsift.reporting.slabs import Slabs
from cellsift.settings.files import REPORTS

# What a mark is known to be; `viewer.js` has the same numbers.
UNKNOWN, ANNOTATED, ARTEFACT, NOT_PROPOSED = range(4)
KINDS = {CELL: ANNOTATED, NO_CELL: ARTEFACT}
# Marks lie in steps of a pixel's part, so that they fit whole numbers.
STEPS = 16
# Of all marks together: a page has to stay below 10 MB, and pictures need their part.
MOST_BYTES = 3_000_000
QUALITY = 70


@dataclass(frozen=True, eq=False)
class Marks:
    """What is drawn into the slabs.

    - positions (n, 3): z, y, x in voxels;
    - kind (n,): what each is known to be, `UNKNOWN` to `NOT_PROPOSED`;
    - reached: by arm, how many of its thresholds each candidate reaches (n,).
    """

    positions: np.ndarray
    kind: np.ndarray
    reached: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def bytes_each(self) -> int:
        return 5 + len(self.reached)


@dataclass(frozen=True)
class Shown:
    """What the viewer says of an arm: its thresholds, and what each would give (`count`)."""

    own: float
    along: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        own = int(np.searchsorted(self.along["threshold"], self.own - 1e-9))
        return {"own": own} | {name: list(values) for name, values in self.along.items()}


def marks_of(
    scored: Mapping[str, pd.DataFrame],
    arms: Mapping[str, Shown],
    labels: pd.Series | None = None,
    judged: np.ndarray | None = None,
    not_proposed: np.ndarray | None = None,
) -> Marks:
    """The candidates with what each arm thinks of them, and annotated cells without a candidate.

    Args:
        scored: by arm, the classified candidates.
        labels: of each candidate cell, no_cell or ambiguous, where the brain is annotated.
        judged: of each candidate, whether its label tells; None where all do.
        not_proposed: (m, 3), z, y, x in voxels.
    """
    candidates = next(iter(scored.values()))
    kind = np.full(len(candidates), UNKNOWN)
    if labels is not None:
        known = labels.map(KINDS).fillna(UNKNOWN).to_numpy(int)
        kind = known if judged is None else np.where(judged, known, UNKNOWN)
    positions = candidates[AXES].to_numpy(float)
    more = np.zeros((0, 3)) if not_proposed is None else np.asarray(not_proposed, float)
    reached = {
        arm: thresholds_reached(
            cells["p_cell"].to_numpy(float),
            cells["is_cell"].to_numpy(bool),
            arms[arm].own,
            np.asarray(arms[arm].along["threshold"]),
        )
        for arm, cells in scored.items()
    }
    return Marks(
        np.concatenate([positions, more]),
        np.append(kind, np.full(len(more), NOT_PROPOSED)),
        {arm: np.append(values, np.zeros(len(more), int)) for arm, values in reached.items()},
    )


def viewer(slabs: Slabs, marks: Marks, arms: Mapping[str, Shown], first: str, note: str) -> Html:
    """The viewer, as HTML and data; `first` is the arm that it starts with.

    `note` stands beside the numbers. Where all marks would be too much for a page, some slabs are
    left out, evenly.
    """
    of_slab = slabs.of_planes(marks.positions[:, 0])
    shown = _slabs_that_fit(np.bincount(of_slab, minlength=len(slabs)), marks.bytes_each)
    data = {
        "width": slabs.pictures.shape[2],
        "height": slabs.pictures.shape[1],
        "microns": slabs.bins[1] * slabs.voxel_size[2],
        "stretch": slabs.bins[0] * slabs.voxel_size[1] / (slabs.bins[1] * slabs.voxel_size[2]),
        "slabs": [_slab(slabs, number, marks, of_slab == number) for number in shown],
        "left_out": len(slabs) - len(shown),
        "arms": {arm: of.to_dict() for arm, of in arms.items()},
        "first": first,
        "annotated": bool((marks.kind != UNKNOWN).any()),
        "note": note,
    }
    # So that no text in it ends the element.
    content = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    script = (REPORTS / "viewer.js").read_text(encoding="utf-8")
    return Html(
        '<div class="viewer" hidden></div>\n'
        f'<script type="application/json" class="viewer-data">{content}</script>\n'
        f"<script>\n{script}</script>\n"
        "<noscript><p>The viewer of the brain needs JavaScript.</p></noscript>\n"
    )


def _slabs_that_fit(marks: np.ndarray, bytes_each: int) -> np.ndarray:
    """Slabs, evenly spread, whose marks (slabs,) together are few enough for a page."""
    for number in range(len(marks), 1, -1):
        shown = np.unique(np.round(np.linspace(0, len(marks) - 1, number + 2)[1:-1]).astype(int))
        shown = np.arange(len(marks)) if number == len(marks) else shown
        if marks[shown].sum() * bytes_each <= MOST_BYTES:
            return shown
    return np.array([len(marks) // 2])


def _slab(slabs: Slabs, number: int, marks: Marks, inside: np.ndarray) -> dict[str, Any]:
    first, last = slabs.edges[number], slabs.edges[number + 1]
    at = marks.positions[inside]
    # A voxel's middle is half a voxel beyond its corner.
    down, across = ((at[:, axis] + 0.5) / slabs.bins[axis - 1] for axis in (1, 2))
    reached = [values[inside].astype(np.uint8) for values in marks.reached.values()]
    return {
        "planes": [int(first), int(last) - 1],
        "depth": [float(first * slabs.voxel_size[0]), float(last * slabs.voxel_size[0])],
        "picture": _picture(slabs.pictures[number]),
        "y": _packed(np.round(down * STEPS).clip(0, 2**16 - 1).astype("<u2")),
        "x": _packed(np.round(across * STEPS).clip(0, 2**16 - 1).astype("<u2")),
        "kind": _packed(marks.kind[inside].astype(np.uint8)),
        "reached": [_packed(values) for values in reached],
    }


def _picture(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "webp", quality=QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
