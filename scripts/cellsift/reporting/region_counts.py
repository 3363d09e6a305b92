"""What a brain's page says of the cells of its regions, and of its marked blocks."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cellsift.evaluation.counts.words import is_unmeasured
from cellsift.reporting import html
from cellsift.reporting.alarms import UNMEASURED
from cellsift.reporting.counting import draw_counts
from cellsift.reporting.html import Html
from cellsift.reporting.tables import count_text, number_text

BY_REGION, IN_BLOCKS = Html("<h3>By region</h3>\n"), Html("<h3>In marked blocks</h3>\n")
# More rows hide what matters; the table of counts has all.
MOST_REGIONS = 30
CAPTION = (
    "By {arm}, the regions with the most cells first. The intervals also hold by how much places "
    "of a brain are taken to differ in what a score means and in what detection finds, so that "
    "they are wider, for its number of cells, than that of the brain; labels within a region "
    "narrow its own. "
    "Counts of regions are not to be added up: each is the middle of what it may be by itself, and "
    "where they are small their sum is less than the count of the brain."
)
OF_BLOCKS = (
    "The blocks in which every cell was marked: there their number is known. With a candidate: "
    "those of them that detection finds. Called cells: candidates in the block that each arm calls "
    "cells."
)


def by_region(document: Mapping[str, Any], unlike: bool, wholly: bool) -> Html:
    """The counts of regions by the arm that did best out of fold; nothing where there are none.

    Args:
        document: what `count` wrote.
        unlike: whether the brain raises the alarm.
        wholly: whether all its cells are annotated.
    """
    arm = document["best_out_of_fold"]
    unmeasured = is_unmeasured(document["arms"][arm], unlike, wholly)
    regions = document["arms"][arm].get("regions", [])
    if not regions:
        return Html("")
    ordered = sorted(regions, key=lambda row: (-row["count"], row["region"]))
    shown = ordered[:MOST_REGIONS]
    caption = CAPTION.format(arm=arm)
    if more := len(ordered) - len(shown):
        has = "has" if more == 1 else "have"
        caption += f" {number_text(more, 'more region')} {has} candidates: the brain's table of "
        caption += "counts has all."
    if unmeasured:
        caption += f" {UNMEASURED}"
    doubt, blocks = ", unmeasured" if unmeasured else "", any(row["in_blocks"] for row in regions)
    rows = pd.DataFrame([_row(row, doubt, blocks) for row in shown])
    kinds = ["unmeasured counts"] * len(shown) if unmeasured else []
    picture = html.figure(
        draw_counts({_short(row["region"]): row for row in shown}),
        "The same counts; lines are 95% intervals, crosses the naive counts.",
        "Number of cells by region with intervals",
    )
    doubts = [html.paragraph(f"{text}.", "warning") for text in document["doubts_of_regions"]]
    return Html(
        BY_REGION + "".join(doubts) + html.table(rows, caption, ("region",), kinds) + picture
    )


def _row(row: Mapping[str, Any], doubt: str, blocks: bool) -> dict[str, str]:
    return {
        "region": row["region"],
        f"cells{doubt}": count_text(row["count"]),
        f"95% interval{doubt}": f"{count_text(row['low'])} to {count_text(row['high'])}",
        "called cells": count_text(row["naive"]),
        "candidates": count_text(row["candidates"]),
        "labels": count_text(row["labels"]),
        **({"in marked blocks": count_text(row["in_blocks"])} if blocks else {}),
    }


def _short(name: str) -> str:
    return name if len(name) <= 36 else f"{name[:34]}…"


def in_marked_blocks(document: Mapping[str, Any]) -> Html:
    """The marked cells of blocks beside what each arm calls cells there; nothing without blocks."""
    arms = document["arms"]
    by_arm = {arm: found.get("marked_blocks", []) for arm, found in arms.items()}
    blocks = by_arm[document["best_out_of_fold"]]
    if not blocks:
        return Html("")
    rows = []
    for number, row in enumerate(blocks):
        called = {
            f"called cells by {arm}": count_text(of_arm[number]["naive"])
            for arm, of_arm in by_arm.items()
        }
        rows.append(
            {
                "block": row["region"].removeprefix("block "),
                "marked cells": count_text(row["count"]),
                "with a candidate": count_text(row["among_candidates"]),
                **called,
            }
        )
    return Html(IN_BLOCKS + html.table(pd.DataFrame(rows), OF_BLOCKS, text_columns=("block",)))
