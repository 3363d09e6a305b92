"""The page on how often verdicts err, in Markdown."""

import pandas as pd

from cellsift.benchmarks.verdicts.brains import BLOCKS, CANDIDATES
from cellsift.benchmarks.verdicts.trials import ARMS
from cellsift.evaluation.brain_tests import FEWEST_BRAINS

INTRODUCTION = f"""\
# How often a verdict on arms is wrong

Made by `python -m cellsift.benchmarks.verdicts`. Only scores and truth are made up, no images: \
test brains of {CANDIDATES} candidates in about {BLOCKS} blocks of tissue, {ARMS} arms, that is \
six pairs. Brains differ, blocks differ, and in each brain and block one arm does better than \
another by chance. What is judged is F1 at a frozen threshold.
"""
ALIKE = f"""\
Over all brains that there could be the arms are alike, so whatever is told apart is an error; \
five in a hundred are allowed. One pair: how often p is below 0.05 by the sign-flip test by brain, \
by DeLong's test and by McNemar's; the latter two take each candidate as independent, which those \
of one brain are not. Any pair: how often the verdict calls any of the six pairs better or worse. \
With fewer than {FEWEST_BRAINS} brains there is no test by brain, and the verdict goes by an \
interval that holds all pairs at once, with no brain that turns the difference round: it is about \
these brains, and as one on further brains it errs as often as the table says.
"""
DIFFER = """\
One arm is better: its cells lie so many logits farther from the other candidates (of 2.5). How \
often the verdict says so, of the three pairs with that arm, and how often it says the opposite.
"""


def describe(table: pd.DataFrame, about: str) -> str:
    """Return the page; `table` has the rows of `trials`, `about` says where and when it was made.

    Example:
        describe(pd.DataFrame(trials(6, 0.0, 10, seed=1)), machine())
    """
    alike, differ = table[table["better"] == 0], table[table["better"] > 0]
    parts = [INTRODUCTION, f"{about}\n", "## Arms that are alike\n", ALIKE, _alike(alike)]
    if len(differ):
        parts += ["## An arm that is better\n", DIFFER, _differ(differ)]
    return "\n".join(parts)


def _alike(table: pd.DataFrame) -> str:
    lines = [
        "| test brains | one pair: by brain | one pair: DeLong | one pair: McNemar | any pair |",
        "| --- | --- | --- | --- | --- |",
    ]
    for brains, rows in table.groupby("brains"):
        tests = ("sign_flip", "delong", "mcnemar", "any pair")
        shares = [rows[test].astype(float).mean() if test in rows else None for test in tests]
        lines.append(f"| {brains} | {' | '.join(map(_share, shares))} |")
    return "\n".join(lines) + "\n"


def _differ(table: pd.DataFrame) -> str:
    lines = [
        "| test brains | better by | told | the wrong way round |",
        "| --- | --- | --- | --- |",
    ]
    for (brains, better), rows in table.groupby(["brains", "better"]):
        shares = f"{_share(rows['told'].mean())} | {_share(rows['wrong'].mean())}"
        lines.append(f"| {brains} | {better:g} | {shares} |")
    return "\n".join(lines) + "\n"


def _share(share: float | None) -> str:
    return "–" if share is None or pd.isna(share) else f"{share:.1%}"
