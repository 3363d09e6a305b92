"""How good an annotation is and how far annotators agree, on pages."""

import pandas as pd

from cellsift.annotation.names import BETWEEN_NAMES
from cellsift.reporting import html, tables
from cellsift.reporting.html import Html

SHOWN = 12
# The annotators in a table of arms.
ANNOTATORS = "annotators, each beside the others"
TEXT = ("image", "planes", "annotation", "left out of training", "annotators")
WRAPPED = ("left out of training",)


def quality_table(quality: pd.DataFrame | None) -> Html:
    """The table of an annotation's quality; nothing where one has annotated all of a volume."""
    if quality is None or (len(quality) == 1 and (quality["excluded"] == "no").all()):
        return Html("")
    caption = (
        "What the annotation says of each image, or of the volume as a whole. In doubt are "
        "positions that not all annotators have marked who looked there, or that are marked as "
        "unsure: candidates near them are neither learnt from nor measured on, nor are those where "
        "not all cells are annotated, but for what was marked."
    )
    shown = pd.DataFrame(
        {
            "image": quality["image"].fillna(""),
            "planes": [
                _planes(first, last)
                for first, last in zip(quality["z_first"], quality["z_last"], strict=True)
            ],
            "annotation": quality["status"],
            "left out of training": [
                f"{excluded}: {why}" if why else excluded
                for excluded, why in zip(
                    quality["excluded"], quality["why"].fillna(""), strict=True
                )
            ],
            "cells": quality["cells"].map(tables.count_text),
            "in doubt": (quality["disputed"] + quality["unsure"]).map(tables.count_text),
            "F1 of annotators": quality["f1"].map(tables.interval_text),
            "annotators": quality["annotators"].fillna("").str.replace(BETWEEN_NAMES, ", "),
        }
    )
    table = html.table(shown, caption, TEXT, wrapped=WRAPPED)
    return table if len(shown) <= SHOWN else html.folded(table, "The annotation, image by image")


def ceiling(agreement: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The agreement of annotators as rows of a table of arms, of brains that it has.

    `agreement` has the columns brain, role, metric, value, low, high; `scores` those and arm.
    """
    shown = agreement[agreement["brain"].isin(scores["brain"])]
    return shown.assign(arm=ANNOTATORS, scores="agreement", note="").drop(columns="annotators")


def _planes(first: float, last: float) -> str:
    if pd.isna(first) or pd.isna(last):
        return ""
    return f"{first:g}" if first == last else f"{first:g} to {last:g}"
