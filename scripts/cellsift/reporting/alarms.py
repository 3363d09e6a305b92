"""What pages say of brains that are unlike the train brains."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from cellsift.evaluation.alarm.reasons import IS_UNLIKE, in_short, shown, what_next
from cellsift.evaluation.alarm.statistics import GROUPS, statistic_of
from cellsift.reporting import html
from cellsift.reporting.html import Html
from cellsift.reporting.run_results import RunResults

# Of brains whose numbers are many, as those of their candidates' features, the farthest are shown.
SHOWN = 8
# Of fewer train brains is told how little they say of how brains differ.
FEW_BRAINS = 4
NOTHING_TO_COMPARE_WITH = (
    "There is no annotated train brain to compare with, so nobody looked whether a brain is unlike "
    "those that the models have learnt from: no alarm could be raised."
)
UNMEASURED = "Unmeasured: the brain raises an alarm, so these counts are no result; see above."


def banner(document: Mapping[str, Any], role: str, counted: bool = False) -> Html:
    """The alarm of a brain with its reasons and what to do next; nothing where there is none.

    `counted`: whether its count rests on labels of the brain.
    """
    if not document.get("alarm"):
        return Html("")
    return Html(
        f'<div class="alarm"><p><strong>Alarm: This brain {escape(IS_UNLIKE[role])}.</strong></p>\n'
        + html.bullets([_sentence(reason) for reason in document["reasons"]])
        + html.paragraph(what_next(document, role, counted))
        + "</div>\n"
    )


def comparison(document: Mapping[str, Any]) -> Html:
    """How far a brain lies from the train brains: by group, and folded away by number."""
    if not document:
        return html.paragraph("This brain was not compared with the train brains.")
    if document["alarm"] is None:
        return html.paragraph(
            "There is no other train brain, with annotation, to compare this one with, so that "
            "nobody can say whether it is like those that the arms have learnt from."
        )
    groups = pd.DataFrame(
        [
            {
                "alarm where": GROUPS[name],
                "deviation": f"{row['deviation']:.1f}",
                "limit": f"{row['limit']:g}",
                "": "alarm" if name in document["raised"] else "",
            }
            for name, row in document["groups"].items()
        ]
    )
    caption = (
        "How far this brain lies from the train brains "
        f"({', '.join(document['train_brains'])}), in units of how far brains of one cohort "
        "differ: by what these train brains show, and by cohorts measured before. At most one in "
        "twenty brains of a cohort is to lie beyond any of the limits."
    )
    table = html.table(groups, caption, text_columns=("alarm where", ""))
    few = few_train_brains(len(document["train_brains"]))
    return Html(
        table
        + (html.paragraph(few, "note") if few else "")
        + html.folded(_numbers(document), "The numbers behind it")
    )


def few_train_brains(count: int) -> str:
    """What it means that a brain is set beside so few others; nothing where they are enough.

    Example:
        >>> few_train_brains(2).split(",")[0]
        'With only 2 train brains to compare with'
    """
    if count >= FEW_BRAINS:
        return ""
    brains = "1 train brain" if count == 1 else f"{count} train brains"
    return (
        f"With only {brains} to compare with, it is hardly known how far brains of this kind "
        "differ, and much is accepted: only large differences are noticed."
    )


def unmeasured(document: Mapping[str, Any], annotated: bool) -> bool:
    """Whether what the arms say of a brain counts as unmeasured."""
    return bool(document.get("alarm")) and not annotated


def alarms_of_test_brains(results: RunResults) -> Html:
    """Beside the verdict: which of the test brains are unlike the train brains."""
    names = [n for n, role in results.brains.items() if role == "test" and _alarm(results, n)]
    said = [
        f"Alarm: the test brain {name} is unlike the train brains "
        f"({in_short(results.alarm(name))}). What is measured on it holds for such brains, not "
        "for brains like these."
        for name in names
    ]
    return Html("".join(html.paragraph(text, "alarm") for text in said))


def brains_under_alarm(results: RunResults) -> Html:
    """Which brains raise the alarm, and why, as far as it is known."""
    documents = {name: results.alarm(name) for name in results.brains}
    known = [name for name, found in documents.items() if found.get("alarm") is not None]
    raised = [name for name in known if documents[name]["alarm"]]
    parts = [
        _of_brain(name, results.brains[name], documents[name], rests_on_labels(results, name))
        for name in raised
    ]
    if len(known) > len(raised):
        # Each train brain is compared with the others alone.
        compared = [name for name in known if results.brains[name] != "train"] or known
        fewest = min(len(documents[name]["train_brains"]) for name in compared)
        parts.append(html.paragraph(_no_alarm(fewest, known, raised), "note"))
    if not known and any(documents.values()) and results.finished:
        parts.append(html.paragraph(NOTHING_TO_COMPARE_WITH, "note"))
    return Html("".join(parts))


def rests_on_labels(results: RunResults, brain: str) -> bool:
    """Whether a brain's count rests on labels or blocks of the brain itself."""
    document = results.count(brain)
    if not document:
        return False
    found = document["arms"][document["best_out_of_fold"]]
    return bool(found["labels"] or found["blocks"])


def _no_alarm(fewest: int, known: Sequence[str], raised: Sequence[str]) -> str:
    """That the others raise no alarm, and what that says where train brains are few."""
    who = "The other" if raised else "Each" if len(known) > 1 else "The"
    brain = "brains that were" if raised and len(known) > len(raised) + 1 else "brain that was"
    like = "are" if brain.startswith("brains") else "is"
    said = f"{who} {brain} compared with the train brains {like} like them: no alarm."
    return f"{said} {few_train_brains(fewest)}".strip()


def _of_brain(name: str, role: str, document: Mapping[str, Any], counted: bool) -> Html:
    link = f'<a href="{escape(html.brain_address(name))}">{escape(name)}</a>'
    numbers = " What the arms say of it is unmeasured." if role == "predict" else ""
    if numbers and counted:
        numbers = " Its number of cells rests on labels of it; all else is unmeasured."
    return Html(
        f'<p class="alarm"><strong>Alarm: {link} ({escape(role)})</strong> {IS_UNLIKE[role]}: '
        f"{escape(in_short(document))}.{numbers}</p>\n"
    )


def _numbers(document: Mapping[str, Any]) -> Html:
    rows = document["statistics"]
    of_features = [name for name, row in rows.items() if " of " in name]
    far = sorted(of_features, key=lambda name: -abs(rows[name]["deviation"]))[SHOWN:]
    table = pd.DataFrame(
        [
            {
                "number": statistic_of(name).words,
                "this brain": shown(name, row["value"]),
                "train brains": _range(name, row["low"], row["high"]),
                "accepted": _range(name, row["from"], row["to"]),
                "deviation": f"{row['deviation']:+.1f}",
            }
            for name, row in rows.items()
            if name not in far
        ]
    )
    caption = (
        "Accepted: what this number might be in a brain of the same cohort. The alarm goes by the "
        "root mean square of the deviations of a group. All contrasts are natural logarithms of "
        f"ratios of intensities, or of their spread. Of features, the {SHOWN} numbers that deviate "
        "most are shown."
    )
    return html.table(table, caption, text_columns=("number",))


def _range(name: str, low: float, high: float) -> str:
    first, last = shown(name, low), shown(name, high)
    return first if first == last else f"{first} to {last}"


def _alarm(results: RunResults, brain: str) -> bool:
    return bool(results.alarm(brain).get("alarm"))


def _sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:]}."
