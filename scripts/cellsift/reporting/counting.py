"""What a brain's page says of the number of its cells."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from cellsift.evaluation.counts.words import evidence_in_words, is_unmeasured
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
BUYS = (
    "How wide the 95% interval of {arm} would be, as a share of the count, with more candidates "
    "labelled (down) and more blocks marked (across), drawn by snakemake suggest, if they turn out "
    "as what is known until now says."
)


def counted(
    document: Mapping[str, Any], annotated: int | None, unlike: bool, wholly: bool = True
) -> Html:
    """How many cells there are by each arm, what that rests on, and what labels would buy.

    Args:
        document: what `count` wrote.
        annotated: how many cells of the brain are annotated, if it is.
        unlike: whether the brain raises the alarm.
        wholly: whether these are all its cells; else they are no number to compare with.
    """
    arms = document["arms"]
    best = document["best_out_of_fold"]
    truth = annotated if wholly else None
    unmeasured = is_unmeasured(arms[best], unlike, truth is not None)
    parts = [html.paragraph(_headline(best, arms[best], unmeasured))]
    parts += _basis(document, unlike, truth is not None)
    if truth is not None:
        parts.append(html.paragraph(_against(arms, truth)))
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
        parts.append(html.table(table, caption, text_columns=()))
    return Html("".join(parts))


def counts_of_brains(results: RunResults) -> Html:
    """How many cells each brain has by the arm that did best out of fold, as far as is known."""
    rows, kinds = [], []
    for name, role in results.brains.items():
        document = results.count(name)
        if not document:
            continue
        arm = document["best_out_of_fold"]
        found = document["arms"][arm]
        unmeasured = _unmeasured(results, name, found)
        kinds.append("unmeasured" if unmeasured else "")
        rows.append(
            {
                "brain": (name, f"brains/{name}.html"),
                "role": role,
                "cells": count_text(found["count"]) + (", unmeasured" if unmeasured else ""),
                "95% interval": f"{count_text(found['low'])} to {count_text(found['high'])}",
                "called cells": count_text(found["naive"]),
                "annotated": _annotated(results, name),
                "arm": arm,
                "rests on": evidence_in_words(found["labels"], found["blocks"])
                or ("the train brains alone" + (", which it is unlike" if unmeasured else "")),
            }
        )
    if not rows:
        return html.paragraph("No brain is counted yet.", "note")
    text = ("brain", "role", "arm", "rests on")
    return html.table(pd.DataFrame(rows), OF_BRAINS + CAPTION, text, kinds, wrapped=("rests on",))


def _unmeasured(results: RunResults, brain: str, found: Mapping[str, Any]) -> bool:
    """Whether the count of a brain by an arm has nothing measured behind it."""
    known = bool(results.labels_summary(brain).get("complete"))
    return is_unmeasured(found, bool(results.alarm(brain).get("alarm")), known)


def _annotated(results: RunResults, brain: str) -> str:
    """The annotated cells of a brain whose annotation names all; else, whether it has some."""
    labels = results.labels_summary(brain)
    if "complete" not in labels:
        return "–"
    return count_text(labels["annotated"]) if labels["complete"] else "in part"


def corrected(corrections: Mapping[str, Mapping[str, Any]]) -> Html:
    """What labels of the brain changed in each arm's threshold, and what to expect of that."""
    rows = []
    for arm, found in corrections.items():
        before, after = found["before"], found["after"]
        if "f1" not in after:
            continue
        rows.append(
            {
                "arm": arm,
                "labels": count_text(found["labels"]),
                "precision before": _share(before["precision"]),
                "recall before": _share(before["recall"]),
                "F1 before": _share(before["f1"]),
                "precision after": _share(after["precision"]),
                "recall after": _share(after["recall"]),
                "F1 after": _share(after["f1"]),
            }
        )
    if not rows:
        return Html("")
    caption = (
        "To expect on the candidates, by the train brains and the labels of this brain, at the "
        "train brains' threshold and at the one chosen with the labels; recall is of the cells "
        "that have a candidate. The cells by it are in corrected.csv and corrected.xml of each "
        "arm; all else on this page is as it was without the labels."
    )
    return html.table(pd.DataFrame(rows), caption, text_columns=("arm",))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def draw_counts(arms: Mapping[str, Mapping[str, Any]], annotated: int | None = None) -> Figure:
    """A point with its interval for each arm, a cross for its naive count."""
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


def _headline(arm: str, found: Mapping[str, Any], unmeasured: bool) -> str:
    said = "Unmeasured, and no result: about" if unmeasured else "About"
    return (
        f"{said} {count_text(found['count'])} cells, most likely {count_text(found['low'])} to "
        f"{count_text(found['high'])}, by {arm}, the arm that did best out of fold; it calls "
        f"{count_text(found['naive'])} candidates cells."
    )


def _basis(document: Mapping[str, Any], unlike: bool, annotated: bool) -> list[Html]:
    found = document["arms"][document["best_out_of_fold"]]
    evidence = evidence_in_words(found["labels"], found["blocks"])
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
    if annotated:
        said = f"Its annotation has no part in these numbers: they rest on {rest}"
        return [html.paragraph(said)]
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


def _against(arms: Mapping[str, Mapping[str, Any]], annotated: int) -> str:
    holding = [arm for arm, found in arms.items() if found["low"] <= annotated <= found["high"]]
    number = f"{len(holding)} of {len(arms)}" if len(holding) < len(arms) else "all"
    return (
        f"The annotation has {count_text(annotated)} cells, which lie within the intervals of "
        f"{number} arms."
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
    if found["blocks"]:
        return f" A block is taken to hold {number} cells, as those marked do on average."
    return (
        f" A block is taken to hold {number} cells, as many as candidates are called cells where "
        "blocks are drawn."
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
