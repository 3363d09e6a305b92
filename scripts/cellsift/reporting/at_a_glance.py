"""The first lines of the index page: which arm to use, how good it is, at what cost, what next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cellsift.io.names import BETTER, NOT_DISTINGUISHABLE, WORSE
from cellsift.reporting import html, pareto
from cellsift.reporting.html import Html
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.style import arm_styles
from cellsift.reporting.tables import interval_text, recall_of
from cellsift.reporting.verdict import POOR_DETECTION, Judged, judged_brains, ranking

TURNED = {BETTER: WORSE, WORSE: BETTER}
# For how many candidates times are told: about those of a tenth of a mouse brain.
CANDIDATES = 100_000
UNKNOWN = "–"


@dataclass(frozen=True)
class Glance:
    """Arms on the brains that a verdict rests on.

    - judged: these brains; ranked: arm, value, low, high of F1 end to end, the best first;
    - pairs: rows of `verdicts` on F1, without any where arms were not compared;
    - seconds: by arm, what `CANDIDATES` take to classify; minutes: by arm, its training.
    """

    judged: Judged
    ranked: pd.DataFrame
    pairs: pd.DataFrame
    seconds: Mapping[str, float]
    minutes: Mapping[str, float]

    @property
    def best(self) -> str:
        return str(self.ranked["arm"].iloc[0])

    def beside(self, arm: str, other: str) -> str:
        """How an arm does beside another: better, worse, not distinguishable, or a dash."""
        for first, second, turn in ((arm, other, {}), (other, arm, TURNED)):
            rows = self.pairs[(self.pairs["arm_a"] == first) & (self.pairs["arm_b"] == second)]
            if len(rows):
                found = str(rows["verdict"].iloc[0])
                return turn.get(found, found)
        return UNKNOWN

    @property
    def as_good(self) -> list[str]:
        """The arms that cannot be told apart from the best, in their order."""
        others = self.ranked["arm"].iloc[1:]
        return [arm for arm in others if self.beside(arm, self.best) == NOT_DISTINGUISHABLE]


def at_a_glance(results: RunResults) -> Html:
    """A sentence or two, what to do next, and a row for each arm; nothing where F1 is not known."""
    found = glance_of(results)
    if found is None:
        return Html("")
    plain = _plain(results, found)
    lines = [*which_arm(found, plain), f"Next: {what_next(results, found, plain)}"]
    said = "".join(html.paragraph(line) for line in lines)
    rows = pd.DataFrame([_row(found, arm, plain) for arm in found.ranked["arm"]])
    table = html.table(rows, _caption(found, plain), text_columns=_text_columns(rows))
    return Html(f'<div class="verdict">{said}</div>\n{table}')


def glance_of(results: RunResults) -> Glance | None:
    """What is known of the arms; None where no brain is annotated, or F1 cannot be known."""
    scores = results.evaluation("end_to_end")
    judged = judged_brains(scores)
    if judged is None:
        return None
    ranked = ranking(scores, judged, results.arms)
    if ranked.empty:
        return None
    pairs = results.evaluation("verdicts")
    of_f1 = (pairs["metric"] == "f1") & (pairs["brain"] == judged.name)
    cost = results.cost().set_index("arm")
    return Glance(judged, ranked, pairs[of_f1], _seconds(cost), _minutes(cost))


def which_arm(found: Glance, plain: str | None) -> list[str]:
    """Which arm to use and how sure that is: a line, or two."""
    best = found.ranked.iloc[0]
    score = interval_text(best["value"], best["low"], best["high"])
    beaten = plain is not None and found.beside(found.best, plain) == WORSE
    opening = f"The best arm is {found.best}, but do not use it" if beaten else f"Use {found.best}"
    lines = [f"{opening}: F1 {score} on {found.judged.where}.{_beside_plain(found, plain)}"]
    if len(found.ranked) > 1:
        lines.append(_of_others(found))
    return lines


def _beside_plain(found: Glance, plain: str | None) -> str:
    """How the best arm does beside a threshold on brightness, with no network."""
    told = {
        BETTER: " It is better than a mere threshold on brightness.",
        WORSE: " A mere threshold on brightness is better.",
        NOT_DISTINGUISHABLE: " It cannot be told apart from a mere threshold on brightness.",
    }
    return told.get(found.beside(found.best, plain), "") if plain else ""


def _of_others(found: Glance) -> str:
    equals = found.as_good
    worse, better = (
        [arm for arm in found.ranked["arm"] if found.beside(arm, found.best) == how]
        for how in (WORSE, BETTER)
    )
    parts = []
    if equals:
        parts.append(f"these data cannot tell it apart from {', '.join(equals)}")
        if faster := _faster(found, equals):
            parts[0] += f" ({faster})"
    if worse:
        parts.append(f"it is better than {', '.join(worse)}")
    if better:
        # F1 end to end goes by all annotated cells, and by what is called beside them.
        are = "is" if len(better) == 1 else "are"
        parts.append(f"on the candidates that have a label {', '.join(better)} {are} better")
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}." if said else "The arms were not compared in pairs."


def _faster(found: Glance, arms: Sequence[str]) -> str:
    """Which of these arms is much faster than the best, and by how much."""
    own = found.seconds.get(found.best)
    known = {arm: found.seconds[arm] for arm in arms if arm in found.seconds}
    if not own or not known:
        return ""
    arm = min(known, key=lambda name: known[name])
    times = own / known[arm]
    return f"{arm} is {times:.0f} times as fast" if times >= 2 else ""


def what_next(results: RunResults, found: Glance, plain: str | None) -> str:
    """The one thing that would help most."""
    judged = found.judged
    doubtful = [name for name in judged.brains or (judged.name,) if results.misplaced(name)]
    if doubtful:
        return f"check where the annotation of {', '.join(doubtful)} lies, see detection below."
    recall = recall_of(results.evaluation("detection"), judged.name)
    if recall is not None and recall < POOR_DETECTION:
        return (
            f"mend detection: {recall:.0%} of the annotated cells have a candidate, and no arm "
            "finds the others."
        )
    if judged.role == "train":
        return "annotate a brain that nothing is fitted on, of role test, for an honest figure."
    if plain and found.beside(found.best, plain) != BETTER:
        return "annotate more cells in more train brains, until an arm is better than brightness."
    if found.as_good:
        return (
            "count with it; to tell such arms apart, annotate further test brains, or take the "
            "cheapest."
        )
    return "count with it; snakemake suggest draws a sample of each new brain to label."


def _row(found: Glance, arm: str, plain: str | None) -> dict[str, str]:
    scored = found.ranked.set_index("arm").loc[arm]
    row = {"arm": arm, "F1": interval_text(scored["value"], scored["low"], scored["high"])}
    if len(found.ranked) > 1:
        row[f"beside {found.best}"] = found.beside(arm, found.best) if arm != found.best else ""
    if plain:
        row["beside brightness"] = found.beside(arm, plain)
    row[f"seconds for {CANDIDATES:,} candidates".replace(",", "\u202f")] = _number(
        found.seconds.get(arm)
    )
    row["training, minutes"] = _number(found.minutes.get(arm))
    return row


def _text_columns(rows: pd.DataFrame) -> list[str]:
    return ["arm", *[name for name in rows if name.startswith("beside")]]


def _caption(found: Glance, plain: str | None) -> str:
    said = (
        f"On {found.judged.where}; F1 counts every annotated cell, also those without a candidate; "
        "brackets: 95% interval. "
    )
    if len(found.pairs):
        notes = found.pairs["note"].dropna()
        of_all = f" ({notes.iloc[0].split(';')[0]})" if len(notes) else ""
        said += (
            "Beside another: on the candidates that both judge, better or worse only where chance "
            f"is ruled out for all pairs together{of_all}. "
        )
    elif len(found.ranked) > 1 or plain:
        said += "Arms are compared in pairs on annotated test brains alone. "
    return said + "Times were measured on the machine of this run."


def accuracy_and_cost(results: RunResults) -> Html:
    """F1 against the time that it takes, where there are times of two arms."""
    found = glance_of(results)
    known = None if found is None else found.ranked[found.ranked["arm"].isin(found.seconds)]
    if found is None or known is None or len(known) < 2:
        return html.paragraph("There are no two arms of which both F1 and time are known.", "note")
    picture = pareto.draw_pareto(known, found.seconds, arm_styles(results.arms), CANDIDATES)
    caption = (
        f"On {found.judged.where}: further up is better, further left is faster. Filled marks: no "
        "other arm is both faster and at least as good. Lines: 95% interval of F1."
    )
    return html.figure(picture, caption, "F1 of each arm against its time")


def _plain(results: RunResults, found: Glance) -> str | None:
    """The baseline, if the arms were compared with it."""
    named = set(found.pairs["arm_a"]) | set(found.pairs["arm_b"])
    return next((name for name in results.baselines if name in named), None)


def _seconds(cost: pd.DataFrame) -> dict[str, float]:
    rates = pd.to_numeric(cost.get("cuboids_per_second", pd.Series(dtype=float)), errors="coerce")
    return {str(arm): CANDIDATES / rate for arm, rate in rates.dropna().items() if rate > 0}


def _minutes(cost: pd.DataFrame) -> dict[str, float]:
    known = cost.reindex(
        columns=["training_seconds", "training_seconds_per_epoch", "training_epochs"]
    ).astype(float)
    epochs = known["training_seconds_per_epoch"] * known["training_epochs"]
    total = known["training_seconds"].fillna(epochs).dropna() / 60
    return {str(arm): float(minutes) for arm, minutes in total.items()}


def _number(value: float | None) -> str:
    """Two digits, at least.

    Example:
        >>> _number(0.0414), _number(4.14), _number(41.4), _number(4140.0)
        ('0.041', '4.1', '41', '4\\u202f140')
    """
    if value is None:
        return UNKNOWN
    if value >= 10:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.2g}"
