"""The parts of the index page, each of them one call in reports/index.ipynb."""

from collections.abc import Sequence
from html import escape

import pandas as pd

from cellsift.evaluation.resampling import BLOCK_UM, FEWEST_BLOCKS
from cellsift.io.names import AS_IT_IS
from cellsift.labels.reached import recall_with_interval
from cellsift.reporting import alarms as of_alarms
from cellsift.reporting import at_a_glance, graphs, html, later_parts, tables
from cellsift.reporting.annotators import ANNOTATORS, ceiling
from cellsift.reporting.html import Html
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.style import arm_styles
from cellsift.reporting.verdict import judged_brains, ranking, verdict_sentences

MOST_PANELS = 6
LONGEST_TABLE = 16
AT_THRESHOLD = ("precision", "recall", "specificity", "f1", "accuracy")
BY_SCORE = ("roc_auc", "average_precision", "false_positive_rate_at_recall_0.99", "brier")
NOTHING_ANNOTATED = "No brain is annotated, so there is nothing to measure."


CEILING = (
    f"The row {ANNOTATORS!r} is the F1 that annotators have beside each other, the mean of all "
    "pairs: no arm can be expected to do better beside any one of them. Arms are measured on the "
    "cells that annotators agree on, without places in doubt, which is easier: an arm that comes "
    "out higher is no better than people are."
)


def verdict(results: RunResults) -> Html:
    """Which arm to use and what next, what the config notes of the run, and the reasons, folded."""
    glance, sentences = at_a_glance.at_a_glance(results), verdict_sentences(results)
    note = results.configuration.get("note")
    said = html.paragraph(note, "note") if note else ""
    beside = of_alarms.alarms_of_test_brains(results)
    if not glance:
        told = html.paragraph(" ".join(sentences))
        return Html(f'<div class="verdict">{told}</div>\n{said}{beside}')
    more = html.folded(html.bullets(sentences), "Why, and how far this goes")
    return Html(f"{glance}{more}{said}{beside}")


def accuracy_and_cost(results: RunResults) -> Html:
    """F1 of the arms against the time that they take."""
    return at_a_glance.accuracy_and_cost(results)


def brains(results: RunResults) -> Html:
    """Links to the pages of the brains."""
    known = results.learnt_from
    refused = {name: why for name in results.brains if (why := results.refusal(name))}
    rows = [
        _refused_row(name, role)
        if name in refused
        else _brain_row(results, name, f"{role}, learnt from" if name in known else role)
        for name, role in results.brains.items()
    ]
    caption = (
        "Each brain has a page of its own, with pictures of it and of its most doubtful cells."
    )
    table = html.table(pd.DataFrame(rows), caption, text_columns=("brain", "role"))
    notes = [html.paragraph(f"Not usable: {why}", "note") for why in refused.values()]
    return Html(table + "".join(notes))


def alarms(results: RunResults) -> Html:
    """Which brains are unlike the train brains; renewed once all brains are compared."""
    return later_parts.part("alarms", results)


def counts(results: RunResults) -> Html:
    """How many cells each brain has; renewed once all brains are counted."""
    return later_parts.part("counts", results)


def explanations(results: RunResults) -> Html:
    """Where each arm looked; renewed once all arms are explained."""
    return later_parts.part("explanations", results)


def end_to_end(results: RunResults) -> Html:
    """Precision, recall and F1 against the annotation, as a picture of F1 and as a table."""
    scores = _test_first(results.evaluation("end_to_end"))
    if scores.empty:
        return html.paragraph(NOTHING_ANNOTATED)
    styles = arm_styles(_arms_in(results, scores), results.baselines)
    shown, agreed = _few_brains(scores), ceiling(results.agreement(), scores)
    parts = []
    if shown["value"].where(shown["metric"] == "f1").notna().any():
        caption = (
            "How to read it: each mark is an arm's F1, the line its 95% interval. F1 is 1 when "
            "every annotated cell is found and nothing else is called a cell. To compare "
            "arms, use the differences further down rather than these lines."
        )
        if len(agreed):
            caption += (
                " The dashed line is the F1 that annotators have beside each other, the band its "
                "95% interval."
            )
        caption += _not_shown(scores, shown)
        lines = {row.brain: (row.value, row.low, row.high) for row in agreed.itertuples()}
        picture = graphs.draw_intervals(shown, "f1", styles, lines)
        parts.append(html.figure(picture, caption, "F1 of each arm with its interval, by brain"))
    caption = (
        "Recall: of the annotated cells, how many are found (cells that detection never proposed "
        "count as missed). Precision: of the cells called, how many are annotated. F1 weighs both. "
        f"Brackets: 95% interval, from drawing blocks of {BLOCK_UM:g} µm of tissue anew, since "
        "errors lie together (of several brains, whole brains first; single candidates where "
        f"a brain has fewer than {FEWEST_BLOCKS} blocks). Test brains, which were locked away "
        "while fitting, are what counts."
    )
    if not results.all_finished:
        caption += (
            " Train brains were scored by networks whose weights had not seen the candidate, but "
            "the epoch, the temperature and the threshold were chosen on these scores, so that "
            "their figures are slightly optimistic."
        )
    if results.finished:
        caption += (
            f" Where scores are those of a {AS_IT_IS}, nothing was fitted or chosen on the brain."
        )
    if len(agreed):
        caption += f" {CEILING}"
        # Below the arms of each brain, as what they are measured by.
        scores = pd.concat([scores, agreed], ignore_index=True)
    parts.append(_metrics(results, scores, ("recall", "precision", "f1"), caption))
    notes = scores.get("note", pd.Series(dtype=str)).dropna()
    parts += [html.paragraph(f"– means unknown: {note}.", "note") for note in _distinct(notes)]
    return Html("".join(parts))


def detection(results: RunResults) -> Html:
    """How many of the annotated cells have a candidate at all."""
    found = _test_first(results.evaluation("detection"))
    if found.empty:
        return html.paragraph(NOTHING_ANNOTATED)
    rows = []
    for (brain, role), part in found.groupby(["brain", "role"], sort=False):
        by_metric = part.set_index("metric")
        recall, low, high = by_metric.loc["recall", ["value", "low", "high"]].astype(float)
        annotated = int(by_metric.at["annotated", "value"])
        reached = round(recall * annotated) if annotated else 0
        per_cell = by_metric.at["candidates_per_cell", "value"]
        rows.append(
            {
                "brain": brain,
                "role": role,
                "annotated cells": tables.count_text(annotated),
                "candidates": tables.count_text(by_metric.at["candidates", "value"]),
                "candidates per cell": "–" if pd.isna(per_cell) else f"{per_cell:.1f}",
                "recall of detection": recall_with_interval(reached, annotated, low, high),
            }
        )
    caption = (
        "Recall of detection is the share of annotated cells that have a candidate: "
        "the highest recall any arm can reach. Brackets: 95% interval, by blocks of tissue as "
        "above."
    )
    doubts = [
        said
        for brain in found["brain"].unique()
        for said in (*results.misplaced(brain), *results.detection_warnings(brain))
    ]
    notes = [html.paragraph(f"To be checked first: {said}", "warning") for said in doubts]
    table = html.table(pd.DataFrame(rows), caption, text_columns=("brain", "role"))
    given = _given_candidates(results, list(found["brain"].unique()))
    return Html("".join(notes) + table + given + _more_on_detection(results))


def _given_candidates(results: RunResults, brains: Sequence[str]) -> Html:
    """Which brains' candidates were not detected here, and where they are from."""
    sources = {name: results.labels_summary(name).get("candidates_from") for name in brains}
    said = [f"of {name} from {source}" for name, source in sources.items() if source]
    if not said:
        return Html("")
    return html.paragraph(
        f"Candidates that were not detected here: {', '.join(said)}. Their recall is that of the "
        "program that proposed them."
    )


def _more_on_detection(results: RunResults) -> Html:
    """The detector, if it was searched for, and where the page on detection is, if there is one."""
    said, chosen = [], results.searched_detection
    if chosen:
        given = {key: value for key, value in chosen.items() if value is not None}
        method = given.pop("method")
        words = ", ".join(filter(None, [method, tables.settings_text(given)]))
        said.append(
            f"The detector was searched for on the train brains; in use is {escape(words)}."
        )
    if results.has_detection_page:
        tried = ", and all settings that were tried" if chosen else ""
        address = escape(results.paths.detection_page.name)
        page = f'<a href="{address}">the page on detection</a>'
        said.append(f"Which annotated cells are found and which missed{tried}: {page}.")
    return Html(f"<p>{' '.join(said)}</p>\n" if said else "")


def classification(results: RunResults) -> Html:
    """All metrics on the candidates alone; those of train brains are folded away beside a test."""
    scores = _test_first(results.evaluation("classification"))
    judged = judged_brains(scores)
    if judged is None:
        return html.paragraph(NOTHING_ANNOTATED)
    at_threshold = (
        "At each arm's threshold, on the candidates alone: cells that detection missed do not "
        "count here. Specificity: of the artefacts, how many are rejected. Ambiguous candidates "
        "are left out. Brackets: 95% interval, by blocks of tissue as above."
    )
    by_score = (
        "The scores themselves, whatever the threshold. ROC AUC and average precision judge their "
        "order (1 is perfect). False positives at recall 0.99: the share of artefacts one has to "
        "accept to keep 99% of the cells (0 is perfect). Brier score: mean squared error of p_cell "
        "(0 is perfect)."
    )
    parts = {}
    for role, rows in scores.groupby("role", sort=False):
        tables = (
            _metrics(results, rows, AT_THRESHOLD, at_threshold),
            _metrics(results, rows, BY_SCORE, by_score),
        )
        parts[role] = Html("".join(tables))
    others = [html.folded(part, f"The {role} brains") for role, part in parts.items()]
    return Html(parts[judged.role] + "".join(others[1:]))


def comparison(results: RunResults) -> Html:
    """The difference between each two arms on the same candidates of the test brains."""
    differences = results.evaluation("comparison")
    judged = judged_brains(results.evaluation("classification"))
    if judged is None or judged.role != "test":
        return html.paragraph("Without an annotated test brain arms are not compared in pairs.")
    table = tables.comparison_table(differences[differences["brain"] == judged.name])
    if table.empty:
        return html.paragraph("There is only one arm, so there is nothing to compare.")
    columns = ("first arm", "second arm")
    caption = (
        f"Candidates of {judged.where}: how much higher the first arm is. Brackets: 95% interval; "
        "both arms are measured on the same draws of blocks of tissue, so what is hard for both "
        "cancels out. Where it includes zero, the data cannot tell the two apart. Of many such "
        "pairs, one in twenty is told apart by mere chance."
    )
    if len(table) <= LONGEST_TABLE:
        return html.table(table, caption, columns)
    ranked = ranking(results.evaluation("end_to_end"), judged, results.arms)
    best = ranked["arm"].iloc[0] if len(ranked) else table["first arm"].iloc[0]
    named = (table[list(columns)] == best).any(axis=1)
    rest = html.table(table[~named], "Columns as above.", columns)
    shown = html.table(table[named], f"Pairs with {best}. {caption}", columns)
    return Html(shown + html.folded(rest, "The other pairs"))


def curves(results: RunResults) -> Html:
    """ROC and precision-recall curves."""
    parts = []
    captions = {
        "roc": (
            "ROC curves: along a line the threshold on p_cell falls from 1 to 0; more cells are "
            "found, and more artefacts slip in. The nearer to the upper left corner, the better."
        ),
        "precision_recall": (
            "Precision-recall curves: how clean the called cells are when a given share of the "
            "cells is found. The nearer to the upper right corner, the better; guessing gives the "
            "share of cells among the candidates (thin line)."
        ),
    }
    shares = _cell_shares(results.evaluation("confusion"))
    for name, caption in captions.items():
        found = _test_first(results.evaluation(name))
        points = _few_brains(found)
        if points.empty:
            return html.paragraph(NOTHING_ANNOTATED)
        caption += _not_shown(found, points)
        styles = arm_styles(_arms_in(results, points), results.baselines)
        picture = graphs.draw_curves(points, name, styles, shares)
        parts.append(html.figure(picture, caption, f"{name} curves of each arm, by brain"))
    return Html("".join(parts))


def confusion(results: RunResults) -> Html:
    """Confusion matrices of the brains that the verdict rests on."""
    counts = results.evaluation("confusion")
    judged = judged_brains(counts)
    if judged is None:
        return html.paragraph(NOTHING_ANNOTATED)
    caption = (
        f"Candidates of {judged.where}. Upper row: annotated cells; lower row: artefacts. The "
        "upper left and lower right fields are right decisions. Percentages are of the row. "
        "Cells that detection missed and ambiguous candidates are not counted here."
    )
    picture = graphs.draw_confusion(counts[counts["brain"] == judged.name])
    return html.figure(picture, caption, "Confusion matrix of each arm")


def calibration(results: RunResults) -> Html:
    """Whether p_cell can be taken at its word."""
    curve = results.evaluation("calibration_curve")
    judged = judged_brains(curve)
    if judged is None:
        return html.paragraph(NOTHING_ANNOTATED)
    styles = arm_styles(_arms_in(results, curve), results.baselines)
    caption = (
        f"Candidates of {judged.where} in steps of p_cell: across what the arm gave, up what share "
        "of them truly are cells, with its 95% interval, as if candidates erred independently of "
        "each other. On the thin line p_cell can be taken at its word; marks below it mean the arm "
        "is too sure of cells."
    )
    picture = graphs.draw_reliability(curve[curve["brain"] == judged.name], styles)
    return html.figure(picture, caption, "Share of cells against p_cell, for each arm")


def _brain_row(results: RunResults, name: str, role: str) -> dict:
    found = results.found(name)
    cells = found.get("annotated_cells")
    return {
        "brain": (name, html.brain_address(name)),
        "role": role,
        "channels": found.get("channels", ""),
        "voxels (z × y × x)": " × ".join(str(n) for n in found["signal"]["shape"]),
        "annotated cells": "none" if cells is None else tables.count_text(cells),
    }


def _refused_row(name: str, role: str) -> dict:
    unknown = dict.fromkeys(("channels", "voxels (z × y × x)", "annotated cells"), "–")
    return {"brain": name, "role": f"{role}, not usable"} | unknown


def _metrics(
    results: RunResults, scores: pd.DataFrame, metrics: Sequence[str], caption: str
) -> Html:
    """A table of metrics; of a long one the first brain, or all pooled, and the rest folded."""
    if scores.groupby(["brain", "arm"]).ngroups <= LONGEST_TABLE:
        return _metric_rows(results, scores, metrics, caption)
    first = scores["brain"] == scores["brain"].iloc[0]
    rest = _metric_rows(results, scores[~first], metrics, "Columns as above.")
    return Html(
        _metric_rows(results, scores[first], metrics, caption) + html.folded(rest, "Each brain")
    )


def _metric_rows(
    results: RunResults, scores: pd.DataFrame, metrics: Sequence[str], caption: str
) -> Html:
    table = tables.metric_table(scores, metrics)
    baselines = [*results.baselines, ANNOTATORS]
    first = ~table["brain"].duplicated()
    kinds = [
        " ".join(name for name, on in (("first", start), ("baseline", arm in baselines)) if on)
        for start, arm in zip(first, table["arm"], strict=True)
    ]
    changed = table["scores"] != table["scores"].shift()
    table["scores"] = table["scores"].where(first | changed, "")
    table["brain"] = table["brain"].where(first, "")
    return html.table(table, caption, ("brain", "scores", "arm"), kinds)


def _test_first(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with those of test brains first, all of a role before its single brains."""
    pooled = frame["brain"].isin(("all test brains", "all train brains"))
    order = (frame["role"] != "test") * 2 + ~pooled
    return frame.assign(order=order).sort_values("order", kind="stable").drop(columns="order")


def _few_brains(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of at most MOST_PANELS brains, single ones unless there are too many."""
    names = _distinct(frame["brain"])
    single = [name for name in names if not name.startswith("all ")]
    kept = single if len(single) <= MOST_PANELS else names[:MOST_PANELS]
    return frame[frame["brain"].isin(kept)]


def _not_shown(frame: pd.DataFrame, shown: pd.DataFrame) -> str:
    left_out = [
        name
        for name in _distinct(frame["brain"])
        if name not in set(shown["brain"]) and not name.startswith("all ")
    ]
    return f" Not shown, for want of room: {', '.join(left_out)}." if left_out else ""


def _arms_in(results: RunResults, frame: pd.DataFrame) -> list[str]:
    found = _distinct(frame["arm"])
    return [arm for arm in results.arms if arm in found] + [
        arm for arm in found if arm not in results.arms
    ]


def _cell_shares(counts: pd.DataFrame) -> dict[str, float]:
    shares = {}
    for row in counts.itertuples(index=False):
        cells = row.true_positive + row.false_negative
        total = cells + row.false_positive + row.true_negative
        shares[row.brain] = cells / total if total else float("nan")
    return shares


def _distinct(values) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
