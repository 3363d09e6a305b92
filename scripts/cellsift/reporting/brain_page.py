"""The parts of a brain's page, each of them one call in reports/brain.ipynb."""

from dataclasses import dataclass, field
from functools import cached_property
from html import escape

import numpy as np
import pandas as pd

from cellsift.annotation.words import agreement_in_words
from cellsift.cuboids.store import CuboidStore
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json
from cellsift.io.names import CELL
from cellsift.reporting import (
    alarms,
    counting,
    html,
    maps,
    region_counts,
    scores,
    tables,
    thumbnails,
)
from cellsift.reporting.annotators import quality_table
from cellsift.reporting.doubtful import use_of_doubtful
from cellsift.reporting.html import Html
from cellsift.reporting.projections import Projection, load_projection
from cellsift.reporting.run_results import RunResults
from cellsift.results import BrainFolder

SHOWN = 16
# Status of images of which all cells are annotated.
WHOLLY = ("fully annotated", "empty")
# Of a larger share of candidates near the border is told how to have fewer of them.
MANY_NEAR_BORDER = 0.2
NO_CANDIDATES = "Detection found no candidate in this brain."


@dataclass(frozen=True)
class BrainResults:
    """What a results folder holds on one brain.

    `information` may have the brain's role, the paths of its annotation, cells and non_cells, that
    of its candidates where they were not detected here, those of its cuboid stores, `cuboids`, in
    the order of its chunks (else they lie in one store), and that of the summary of what people
    have labelled in it, `sample`.
    """

    results: RunResults
    brain: str
    information: dict = field(default_factory=dict)

    @property
    def paths(self) -> BrainFolder:
        """Where its files lie."""
        return self.results.paths.brain(self.brain)

    @cached_property
    def projection(self) -> Projection:
        return load_projection(self.paths.projection)

    @cached_property
    def scored(self) -> dict[str, pd.DataFrame]:
        """The classified candidates of each arm."""
        return self.results.scored(self.brain)

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """The p_cell from which each arm calls a cell."""
        return {arm: float(self.results.model(arm)["threshold"]) for arm in self.scored}

    @cached_property
    def annotation(self) -> pd.DataFrame | None:
        """Annotated cells, z, y, x in voxels; None where the brain is not annotated."""
        if self.labels is None or not self.information.get("cells"):
            return None
        marked = self.results.table(self.paths.annotation)
        return marked.loc[marked["kind"] == CELL, AXES].reset_index(drop=True)

    @cached_property
    def quality(self) -> pd.DataFrame | None:
        """How good its annotation is, image by image; None where it is not annotated."""
        if self.annotation is None:
            return None
        return self.results.table(self.paths.annotation_quality)

    @property
    def annotated_in_part(self) -> bool:
        """Whether nowhere all cells are annotated, so that a cell may be right but not marked."""
        return self.quality is not None and not self.quality["status"].isin(WHOLLY).any()

    @property
    def annotated_wholly(self) -> bool:
        """Whether all its cells are annotated, so that their number is known."""
        if self.annotation is None:
            return False
        return bool(self.results.labels_summary(self.brain)["complete"])

    @cached_property
    def judged(self) -> np.ndarray | None:
        """Of each candidate, whether the annotation can tell if it is a cell."""
        if self.labels is None:
            return None
        return self.results.table(self.paths.labels)["judged"].to_numpy(bool)

    @cached_property
    def labels(self) -> pd.Series | None:
        """The label of each candidate: cell, no_cell or ambiguous."""
        if not self.paths.labels.is_file():
            return None
        return self.results.table(self.paths.labels)["label"]

    @property
    def distance_um(self) -> float:
        """Within which distance a candidate counts as an annotated cell."""
        return float(read_json(self.paths.labels_summary)["distance_um"])

    @cached_property
    def cuboids(self) -> CuboidStore:
        """The cuboids of its candidates."""
        return CuboidStore.open(self.information.get("cuboids") or self.paths.cuboids(1, 1))

    @cached_property
    def warnings(self) -> list[str]:
        """What was found that may be wrong with its volumes or its annotation."""
        return self.results.doubts(self.brain)

    @cached_property
    def alarm(self) -> dict:
        """Its comparison with the train brains."""
        return self.results.alarm(self.brain)

    @property
    def unmeasured(self) -> bool:
        """Whether the numbers of the arms are no result, for an alarm and want of annotation."""
        return alarms.unmeasured(self.alarm, self.labels is not None)

    @property
    def corrections(self) -> dict[str, str]:
        """By arm, what labels of it changed; empty where they are not to correct it."""
        return self.information.get("corrections", {})

    @property
    def candidates(self) -> int:
        return len(next(iter(self.scored.values()))) if self.scored else 0


def title(brain: BrainResults) -> Html:
    """The page's heading, and the way back."""
    return Html(
        f'<p><a href="../index.html">All brains and arms</a></p>\n'
        f"<h1>Brain {escape(brain.brain)}</h1>\n"
    )


def alarm(brain: BrainResults) -> Html:
    """Whether it is unlike the train brains, why, and what to do; nothing where it is like them."""
    role = brain.information.get("role", "predict")
    return alarms.banner(brain.alarm, role, alarms.rests_on_labels(brain.results, brain.brain))


def likeness(brain: BrainResults) -> Html:
    """How far it lies from the train brains."""
    return alarms.comparison(brain.alarm)


def facts(brain: BrainResults) -> Html:
    """What the brain is: role, size, channels, annotation, candidates; first what may be wrong."""
    shape, size = brain.projection.shape, brain.projection.size_um
    role = brain.information.get("role", "")
    roles = {
        "train": "train: networks were fitted on it. The scores below come from networks whose "
        "weights never saw the candidate, but the epoch, the temperature and the threshold were "
        "chosen on these scores, so they are slightly optimistic; test brains are what counts",
        "test": "test: this run fitted and chose nothing by its annotation",
        "predict": "predict: only classified",
    }
    finished = brain.results.finished
    if brain.results.all_finished:
        roles["train"] = "train: no arm was fitted on it, as all are finished models"
    elif finished:
        roles["train"] += f". {', '.join(finished)} learnt nothing from it"
    if brain.brain in brain.results.learnt_from:
        roles["train"] = (
            "train: in this draft all networks have learnt from it, so that all that follows of "
            "scores, cells called and errors is too good; nothing is measured on it"
        )
    items = [
        *([f"Role {roles.get(role, role)}."] if role else []),
        f"{' × '.join(map(str, shape))} voxels (z × y × x) of "
        f"{' × '.join(f'{v:g}' for v in brain.projection.voxel_size)} µm: "
        f"{tables.lengths_text(size)}.",
        "Signal and background channel." if len(brain.projection.top) == 2 else "Signal only.",
        f"{tables.number_text(brain.candidates, 'candidate')}{_source(brain)}."
        f"{_near_border(brain)}",
    ]
    if brain.annotation is not None:
        number = tables.number_text(len(brain.annotation), "annotated cell")
        items.append(f"{number}; the annotation counts as naming {_what_is_annotated(brain)}.")
        if agreed := agreement_in_words(brain.results.labels_summary(brain.brain)):
            items.append(f"Annotators: {agreed}.")
    items += _labelled(brain)
    warnings = [
        html.paragraph(f"To be checked: {warning}", "warning") for warning in brain.warnings
    ]
    return Html("".join(warnings) + html.bullets(items) + quality_table(brain.quality))


def _source(brain: BrainResults) -> str:
    """Where candidates are from that were not detected here."""
    given = brain.information.get("candidates")
    return f", taken from {given}: nothing was detected here" if given else ""


def _what_is_annotated(brain: BrainResults) -> str:
    if brain.annotated_wholly:
        doubt = brain.results.labels_summary(brain.brain).get("in_doubt")
        return "all its cells but where it is in doubt" if doubt else "all its cells"
    if brain.annotated_in_part:
        return "some of its cells and artefacts"
    return "all its cells in some planes, and some or none in others"


def _labelled(brain: BrainResults) -> list[str]:
    """What people have labelled of what was suggested to them, and what of it is left out."""
    if not brain.information.get("sample"):
        return []
    known = read_json(brain.information["sample"])
    labels = tables.number_text(known["labels"], "candidate")
    blocks = tables.number_text(known["blocks"], "block")
    unused = bool(brain.results.count(brain.brain).get("corrected_with"))
    some = known["random"] < known["labels"] and not unused
    alone = ", the only ones that count for intervals" if some else ""
    said = f"Labelled by people: {labels}, {known['random']} of them drawn at random{alone}; all "
    said += f"cells of {blocks} of tissue ({tables.number_text(known['block_cells'], 'cell')})."
    left_out = [
        *([f"{known['unsure']} they were unsure of"] if known["unsure"] else []),
        *(
            [f"{len(known['contradicting'])} they contradict each other on"]
            * bool(known["contradicting"])
        ),
    ]
    said += " They do not count here, see below." if unused else ""
    return [said + (f" Left out: {', '.join(left_out)}." if left_out else "")]


def _near_border(brain: BrainResults) -> str:
    padded = int(brain.cuboids.padded.sum()) if brain.candidates else 0
    if not padded:
        return ""
    lie = "of them lies" if padded == 1 else "of them lie"
    said = (
        f" {tables.count_text(padded)} {lie} so near the border of the volume that its outermost "
        "voxels were repeated to complete the cuboid: take such verdicts with care. cellfinder "
        "drops such candidates."
    )
    if padded < MANY_NEAR_BORDER * brain.candidates:
        return said
    store = brain.cuboids
    side = [n * step for n, step in zip(store.shape, store.voxel_size, strict=True)]
    learnt = brain.information.get("role") == "train"
    return said + (
        f"{' Networks learn from them all the same.' if learnt else ''} To have fewer of them, "
        "give a volume with more tissue around the cells, or choose a smaller cuboid (now "
        f"{tables.lengths_text(side)}) in the config."
    )


def counted(brain: BrainResults) -> Html:
    """How many cells it has, with intervals, and what labels of it have changed."""
    if not brain.scored:
        return html.paragraph("No arm has classified this brain.")
    annotated = None if brain.annotation is None else len(brain.annotation)
    corrections = {arm: read_json(path) for arm, path in brain.corrections.items()}
    document, unlike = read_json(brain.paths.count), bool(brain.alarm.get("alarm"))
    wholly = annotated is not None and brain.annotated_wholly
    return Html(
        _uncalibrated(brain)
        + counting.counted(
            document,
            annotated,
            unlike,
            wholly,
            brain.results.labels_summary(brain.brain).get("in_doubt", 0),
        )
        + region_counts.by_region(document, unlike, wholly)
        + region_counts.in_marked_blocks(document)
        + counting.corrected(corrections)
    )


def _uncalibrated(brain: BrainResults) -> str:
    """Which arms give a p_cell that is no probability, so that a count by it may be far off."""
    named = [arm for arm, made in brain.results.finished.items() if not made["calibrated"]]
    if not named:
        return ""
    return html.paragraph(
        f"The p_cell of {', '.join(named)} was never calibrated, so that intervals of counts by "
        "it hold less often than they say: trust what labels of this brain say.",
        "warning",
    )


def projection(brain: BrainResults) -> Html:
    """The brain from above and from the front."""
    caption = (
        "Each picture shows the brightest voxel along the line of sight, so cells at all depths "
        "lie on top of each other. Brightness is on a logarithmic scale; z runs along the planes."
    )
    picture = maps.draw_projection(brain.projection)
    return html.figure(picture, caption, "Maximum projections of the brain", photograph=True)


def outcomes(brain: BrainResults) -> dict[str, pd.DataFrame]:
    """What became of the candidates and the annotated cells, by arm (`scores.outcomes_of`)."""
    return {
        arm: scores.outcomes_of(
            cells,
            brain.projection.voxel_size,
            brain.annotation,
            brain.distance_um if brain.annotation is not None else None,
            brain.annotated_in_part,
            brain.judged,
        )
        for arm, cells in brain.scored.items()
    }


def counts(brain: BrainResults) -> Html:
    """How many cells each arm finds."""
    if not brain.scored:
        return html.paragraph("No arm has classified this brain.")
    caption = "A candidate is a cell where p_cell reaches the arm's threshold."
    table = scores.count_table(brain.scored, brain.thresholds)
    if not brain.unmeasured:
        return html.table(table, caption, text_columns=("arm",))
    doubtful = {name: f"{name}, unmeasured" for name in ("cells", "no cell", "share called cells")}
    kinds = ["unmeasured"] * len(table)
    caption = f"{caption} {alarms.UNMEASURED}"
    return html.table(table.rename(columns=doubtful), caption, ("arm",), kinds)


def histograms(brain: BrainResults) -> Html:
    """How sure each arm is."""
    if not brain.candidates:
        return html.paragraph(NO_CANDIDATES)
    caption = (
        "How many candidates were given which p_cell; the upright line is the arm's threshold. Two "
        "heaps at the ends with little between them mean that the arm is sure of itself."
    )
    if brain.labels is not None:
        caption += " Each kind of line stands for one answer of the annotation."
    picture = scores.draw_histograms(brain.scored, brain.thresholds, brain.labels)
    return html.figure(picture, caption, "Histograms of p_cell by arm")


def agreement(brain: BrainResults) -> Html:
    """On how many candidates each two arms agree."""
    if len(brain.scored) < 2:
        return html.paragraph("There is only one arm, so there is nothing to compare.")
    if not brain.candidates:
        return html.paragraph(NO_CANDIDATES)
    caption = (
        "Shared among cells: of the candidates that at least one of the two arms calls a cell, the "
        "share that both do."
    )
    table = scores.agreement_table(brain.scored)
    return html.table(table, caption, text_columns=("first arm", "second arm"))


def doubtful(brain: BrainResults) -> Html:
    """The candidates that the arms are least sure of, and what to do with them."""
    if not brain.candidates:
        return html.paragraph(NO_CANDIDATES)
    role, finished = brain.information.get("role", ""), brain.results.all_finished
    use = use_of_doubtful(role, brain.labels is not None, finished)
    table = scores.most_doubtful(brain.scored, brain.thresholds, SHOWN)
    said = (
        "The candidates whose p_cell lies nearest to the arms' thresholds, the most doubtful first."
    )
    pictures = _pictures(brain, table, said)
    return Html(html.paragraph(use) + pictures) if use else pictures


def missed(brain: BrainResults) -> Html:
    """Annotated cells that have a candidate but were rejected, by most arms first."""
    return _errors(
        brain,
        "cell",
        "Annotated cells that arms reject: first those that most arms reject, of them the surest "
        "rejections first. Such cells may be faint, or wrongly annotated.",
        "No arm rejects a candidate that is annotated as a cell.",
    )


def false_alarms(brain: BrainResults) -> Html:
    """Artefacts that were called cells, by most arms first."""
    what = (
        "Annotated artefacts called cells"
        if brain.annotated_in_part
        else "Candidates called cells where the annotation has none"
    )
    return _errors(
        brain,
        "no_cell",
        f"{what}: first those that most arms call cells, of them the surest first. Look closely: "
        "some may be cells that were overlooked.",
        "No arm calls an artefact a cell.",
    )


def _errors(brain: BrainResults, label: str, said: str, none: str) -> Html:
    if brain.labels is None:
        return html.paragraph("This brain is not annotated.")
    if not brain.candidates:
        return html.paragraph(NO_CANDIDATES)
    table = scores.surest_errors(brain.scored, brain.labels, label, SHOWN)
    return _pictures(brain, table, said) if len(table) else html.paragraph(none)


def _pictures(brain: BrainResults, table: pd.DataFrame, said: str) -> Html:
    """Thumbnails of candidates, and their coordinates in a table that unfolds."""
    store = brain.cuboids
    cuboids = store.read(table["candidate"].to_numpy())
    titles = [_title(row, list(brain.scored)) for _, row in table.iterrows()]
    picture = thumbnails.draw_thumbnails(cuboids, titles, store.voxel_size)
    caption = (
        f"{said} Over each: z, y, x in voxels and p_cell by "
        f"{_arms_in_words(list(brain.scored))}. Pictures show the {_channels(store.channels)}, the "
        "brightest voxel of the middle third in z; each has a black and white of its own."
    )
    if store.padded[table["candidate"].to_numpy()].any():
        caption += " Stripes: the candidate lies near the border of the volume."
    shown = table.copy()
    for axis in AXES:
        shown[axis] = [f"{value:.1f}" for value in table[axis]]
    for arm in brain.scored:
        shown[f"p_cell, {arm}"] = [f"{value:.3f}" for value in shown.pop(arm)]
    return Html(
        html.figure(picture, caption, "Thumbnails of candidates", photograph=True)
        + html.folded(html.table(shown, "Coordinates in voxels of the signal."), "Coordinates")
    )


def _title(row: pd.Series, arms: list[str]) -> str:
    position = " ".join(f"{value:.0f}" for value in row[AXES])
    p_cell = np.array([row[arm] for arm in arms], float)
    if len(arms) > 3:
        return f"{position}\np {p_cell.min():.2f} to {p_cell.max():.2f}"
    return f"{position}\np {' / '.join(f'{p:.2f}' for p in p_cell)}"


def _arms_in_words(arms: list[str]) -> str:
    if len(arms) > 3:
        return "the lowest and the highest arm"
    return " / ".join(arms)


def _channels(channels: int) -> str:
    return "signal" if channels == 1 else "signal above and the background below"
