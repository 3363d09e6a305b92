"""What a brain's page says of the number of its cells."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from cellsift.evaluation.counts.words import (
    evidence_in_words,
    is_unmeasured,
    to_count_in_words,
    unused_in_words,
)
from cellsift.reporting import html
from cellsift.reporting.alarms import UNMEASURED
from cellsift.reporting.html import Html
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.style import GREY, INK, WIDTH, styled
from cellsift.reporting.tables import count_text, number_text

CAPTION = (
    "Cells: the middle and the middle 95% of what their number may be by what is known, cells that "
    "detection missed included. Called cells: candidates whose p_cell reaches the arm's threshold, "
    "the naive count, which knows nothing of its own errors."
)
OF_BRAINS = "By the arm that did best out of fold; each brain's page has all arms. "
OF_FINISHED = "By the first arm of the config; each brain's page has all arms. "
UNCORRECTED = (
    "No label of this brain counts, so that corrected.csv of each arm has the cells as they were "
    "before."
)
BUYS = (
    "How wide the 95% interval of {arm} would be, as a share of the count, with more candidates "
    "labelled (down) and more blocks marked (across), drawn by snakemake suggest, if they turn out "
    "as what is known until now says."
)


def counted(
    document: Mapping[str, Any],
    annotated: int | None,
    unlike: bool,
    wholly: bool = True,
    in_doubt: int = 0,
) -> Html:
    """How many cells there are by each arm, what that rests on, and what labels would buy.

    Args:
        document: what `count` wrote.
        annotated: how many cells of the brain are annotated, if it is.
        unlike: whether the brain raises the alarm.
        wholly: whether these are all its cells; else they are no number to compare with.
        in_doubt: how many positions are in doubt beside them, as annotators do not agree there.
    """
    arms = document["arms"]
    best = document["best_out_of_fold"]
    truth = annotated if wholly else None
    unmeasured = is_unmeasured(arms[best], unlike, truth is not None)
    out_of_fold = document.get("out_of_fold", True)
    parts = [html.paragraph(_headline(best, arms[best], unmeasured, out_of_fold))]
    parts += _basis(document, unlike, truth is not None)
    if truth is not None:
        parts.append(html.paragraph(_against(arms, truth, in_doubt)))
    elif annotated is not None:
        parts.append(html.paragraph(_in_part(annotated)))
    parts.append(_counts_table(arms, unmeasured))
    parts.append(
        html.figure(
            draw_counts(arms, truth),
            "The same counts; lines are 95% intervals, crosses the naive counts"
            + ("." if truth is None else ", the dotted line is the number of annotated cells."),
            "Number of cells by arm with intervals",
        )
    )
    if arms[best]["further"]:
        table = _buys(arms[best]["further"])
        caption = BUYS.format(arm=best) + _of_blocks(arms[best])
        if wanted := document.get("corrected_with"):
            caption += f" For labels of this brain to count, {to_count_in_words(wanted)}."
        parts.append(html.table(table, caption, text_columns=()))
    return Html("".join(parts))


def counts_of_brains(results: RunResults) -> Html:
    """How many cells each brain has by the arm that did best out of fold, as far as is known."""
    rows, kinds = [], []
    by = ""
    for name, role in results.brains.items():
        document = results.count(name)
        if not document:
            continue
        by = OF_BRAINS if document.get("out_of_fold", True) else OF_FINISHED
        arm = document["best_out_of_fold"]
        found = document["arms"][arm]
        unmeasured = _unmeasured(results, name, found)
        kinds.append("unmeasured" if unmeasured else "")
        rows.append(
            {
                "brain": (name, html.brain_address(name)),
                "role": role,
                "cells": count_text(found["count"]) + (", unmeasured" if unmeasured else ""),
                "95% interval": f"{count_text(found['low'])} to {count_text(found['high'])}",
                "called cells": count_text(found["naive"]),
                "annotated": _annotated(results, name),
                "arm": arm,
                "rests on": _rests_on(document, found, unmeasured),
            }
        )
    if not rows:
        return html.paragraph("No brain is counted yet.", "note")
    text = ("brain", "role", "arm", "rests on")
    return html.table(pd.DataFrame(rows), by + CAPTION, text, kinds, wrapped=("rests on",))


def _unmeasured(results: RunResults, brain: str, found: Mapping[str, Any]) -> bool:
    """Whether the count of a brain by an arm has nothing measured behind it."""
    known = bool(results.labels_summary(brain).get("complete"))
    return is_unmeasured(found, bool(results.alarm(brain).get("alarm")), known)


def _rests_on(document: Mapping[str, Any], found: Mapping[str, Any], unmeasured: bool) -> str:
    if evidence := evidence_in_words(found):
        return evidence
    alone = "the train brains alone" + (", which it is unlike" if unmeasured else "")
    if not document.get("has_train", True):
        alone = "how brains measured before differ, alone"
    return f"{alone}; answers do not count" if unused_in_words(document) else alone


def _annotated(results: RunResults, brain: str) -> str:
    """The annotated cells of a brain whose annotation names all; else, whether it has some."""
    labels = results.labels_summary(brain)
    if "complete" not in labels:
        return "–"
    if not labels["complete"]:
        return "in part"
    doubt = labels.get("in_doubt", 0)
    return count_text(labels["annotated"]) + (f", {count_text(doubt)} in doubt" if doubt else "")


def corrected(corrections: Mapping[str, Mapping[str, Any]]) -> Html:
    """What labels of the brain changed in each arm's threshold, and what to expect of that."""
    if corrections and not any(map(_is_labelled, corrections.values())):
        return html.paragraph(UNCORRECTED)
    rows = []
    for arm, found in corrections.items():
        before, after = found["before"], found["after"]
        if "f1" not in after:
            continue
        rows.append(
            {
                "arm": arm,
                "labels": count_text(found["labels"]),
                "candidates in blocks": count_text(found.get("in_blocks", 0)),
                "threshold": f"{before['threshold']:.4g} → {after['threshold']:.4g}",
                "to cell": count_text(found["changed"]["to_cell"]),
                "to no cell": count_text(found["changed"]["to_no_cell"]),
                "precision": _both(before["precision"], after["precision"]),
                "recall": _both(before["recall"], after["recall"]),
                "F1": _both(before["f1"], after["f1"]),
            }
        )
    if not rows:
        return Html("")
    caption = (
        "What labels change, before → after: the threshold of the arm's own p_cell, how many "
        "candidates without a label change sides by it, to cell and to no cell, and what to expect "
        "on the candidates, by what train brains, if any, and labels of this brain say; recall is "
        "of the cells that have a candidate. The cells by it are in corrected.csv and "
        "corrected.xml of each arm; what follows on this page is as it was without the labels."
    )
    return html.table(pd.DataFrame(rows), caption, text_columns=("arm",))


def _is_labelled(found: Mapping[str, Any]) -> bool:
    """Whether single labels, or candidates in marked blocks, correct a brain."""
    return bool(found["labels"] or found.get("in_blocks", 0))


def _both(before: float | None, after: float | None) -> str:
    return f"{_share(before)} → {_share(after)}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def draw_counts(arms: Mapping[str, Mapping[str, Any]], annotated: int | None = None) -> Figure:
    """A point with its interval for each arm, or each region, a cross for its naive count."""
    with styled():
        drawing = Figure(figsize=(WIDTH, 1.1 + 0.34 * len(arms)))
        axis = drawing.subplots()
        for number, found in enumerate(arms.values()):
            axis.plot([found["low"], found["high"]], [number, number], color=INK, linewidth=2)
            axis.plot(found["count"], number, "o", color=INK, markersize=7, label="cells")
            axis.plot(found["naive"], number, "x", color="#D55E00", markersize=8, markeredgewidth=2)
        if annotated is not None:
            axis.axvline(annotated, color=GREY, linestyle=":", linewidth=2)
        axis.set_yticks(range(len(arms)), list(arms))
        axis.set(ylim=(len(arms) - 0.4, -0.6), xlabel="number of cells")
        axis.set_xlim(left=0)
        axis.tick_params(axis="y", length=0)
        axis.grid(False, axis="y")
    return drawing


def _headline(arm: str, found: Mapping[str, Any], unmeasured: bool, out_of_fold: bool) -> str:
    said = "Unmeasured, and no result: about" if unmeasured else "About"
    which = "the arm that did best out of fold" if out_of_fold else "the first arm of the config"
    return (
        f"{said} {count_text(found['count'])} cells, most likely {count_text(found['low'])} to "
        f"{count_text(found['high'])}, by {arm}, {which}; it calls "
        f"{count_text(found['naive'])} candidates cells."
    )


def _basis(document: Mapping[str, Any], unlike: bool, annotated: bool) -> list[Html]:
    found = document["arms"][document["best_out_of_fold"]]
    evidence = evidence_in_words(found)
    train = len(document["train_brains"]) if document["spread_known"] else 0
    brains = f"the {train} train brain{'' if train == 1 else 's'} and " if train else ""
    if evidence:
        said = f"These numbers rest on {evidence} of this brain, drawn at random, and on how "
        said += f"{brains}brains measured before differ from each other."
        said += _of_sharing(found.get("sharing", 0))
        if not found["blocks"]:
            said += (
                " What detection missed is known from the train brains alone: no block of tissue "
                "was marked here."
                if document.get("has_train", True)
                else " What detection missed nobody knows: no block of tissue was marked here."
            )
            if unlike:
                said += " The alarm above says that it is unlike them."
        return [html.paragraph(said)]
    rest = (
        f"how {brains}brains measured before differ from each other, and on this brain being one "
        "of their kind."
    )
    if unlike:
        rest += " The alarm above says that it is not."
    unused = unused_in_words(document)
    told = [html.paragraph(f"{unused[0].upper()}{unused[1:]}.", "warning")] if unused else []
    if annotated:
        said = f"Its annotation has no part in these numbers: they rest on {rest}"
        return [html.paragraph(said), *told]
    if unused:
        return [*told, html.paragraph(f"The intervals rest on {rest}", "warning")]
    said = (
        f"No sample of this brain was labelled: the intervals rest on {rest} snakemake suggest "
        "draws a sample to label, which narrows them."
    )
    return [html.paragraph(said, "warning")]


def _of_sharing(candidates: int) -> str:
    if not candidates:
        return ""
    lie, have = ("lies", "has") if candidates == 1 else ("lie", "have")
    return (
        f" Of the candidates labelled as cells {count_text(candidates)} {lie} within the matching "
        f"distance of others that are cells by a label or by the arm, and {have} only a part of "
        "one: such candidates are taken to lie at the same cell."
    )


def _against(arms: Mapping[str, Mapping[str, Any]], annotated: int, in_doubt: int) -> str:
    holding = [arm for arm, found in arms.items() if found["low"] <= annotated <= found["high"]]
    number = f"{len(holding)} of {len(arms)}" if len(holding) < len(arms) else "all"
    return (
        f"The annotation has {count_text(annotated)} cells, which lie within the intervals of "
        f"{number} arms." + _but_in_doubt(in_doubt)
    )


def _but_in_doubt(positions: int) -> str:
    if not positions:
        return ""
    are = "position is" if positions == 1 else "positions are"
    return (
        f" {count_text(positions)} more {are} in doubt, marked by some annotators only or as "
        "unsure, and not among them."
    )


def _in_part(annotated: int) -> str:
    return (
        f"This brain is annotated in part: the {number_text(annotated, 'annotated cell')} "
        f"{'is' if annotated == 1 else 'are'} not all that it has, so that there is no number to "
        "compare these with."
    )


def _counts_table(arms: Mapping[str, Mapping[str, Any]], unmeasured: bool) -> Html:
    table = _table(arms)
    if not unmeasured:
        return html.table(table, CAPTION, text_columns=("arm",))
    doubtful = {name: f"{name}, unmeasured" for name in ("cells", "95% interval")}
    kinds = ["unmeasured counts"] * len(table)
    caption = f"{CAPTION} {UNMEASURED}"
    return html.table(table.rename(columns=doubtful), caption, ("arm",), kinds)


def _table(arms: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "arm": arm,
                "cells": count_text(found["count"]),
                "95% interval": f"{count_text(found['low'])} to {count_text(found['high'])}",
                "called cells": count_text(found["naive"]),
                "cells that have a candidate": count_text(found["among_candidates"]),
                "labels": count_text(found["labels"]),
                "blocks": count_text(found["blocks"]),
                "candidates in blocks": count_text(found.get("in_blocks", 0)),
            }
            for arm, found in arms.items()
        ]
    )


def _of_blocks(found: Mapping[str, Any]) -> str:
    """How many cells further blocks are taken to hold, and by what."""
    cells = found.get("cells_per_block", 0)
    if not cells:
        return ""
    number = f"{cells:.0f}" if cells >= 10 else f"{cells:.1f}"
    if found.get("block_cells", 0):
        return f" A block is taken to hold {number} cells, as those marked do on average."
    marked = ": those marked hold none" if found["blocks"] else ""
    return (
        f" A block is taken to hold {number} cells, as many as candidates are called cells where "
        f"blocks are drawn{marked}."
    )


def _buys(further: list[dict]) -> pd.DataFrame:
    table = pd.DataFrame(further).pivot(index="labels", columns="blocks", values="width")
    rows = []
    for labels, row in table.iterrows():
        named = {"more candidates": f"+{int(str(labels)):,}" if labels else "as now"}
        for blocks, width in row.items():
            of = f"+{blocks} blocks" if blocks else "blocks as now"
            named[of] = f"{width:.0%}"
        rows.append(named)
    return pd.DataFrame(rows)
