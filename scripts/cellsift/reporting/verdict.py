"""The verdict of the index page: what the tables say, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from cellsift.labels.reached import recall_text, who_has_a_candidate
from cellsift.reporting.carry_over import carry_over_sentences
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.tables import difference_decimals, difference_text, interval_text

# With fewer test brains than this, resampling brains tells little about further ones.
FEW_BRAINS = 6

# Below this recall, detection loses more cells than a good classifier does.
POOR_DETECTION = 0.8

# What no run can know of its config.
BEFORE = "if settings were chosen with a look at earlier results there, F1 is too good"
WORSE = "worse than a threshold on brightness"
DIGITS = {2: "two", 3: "three"}


@dataclass(frozen=True)
class Judged:
    """The brains that a verdict rests on: one brain, or all of a role taken together."""

    name: str
    role: str
    brains: tuple[str, ...]

    @property
    def where(self) -> str:
        """The brains in words, to follow "on"."""
        kind = "test" if self.role == "test" else "train"
        if len(self.brains) == 1:
            return f"the {kind} brain {self.name}"
        return f"the {len(self.brains)} {kind} brains together"


def verdict_sentences(results: RunResults) -> list[str]:
    """What can be said about the arms, each sentence or two for one thought."""
    scores = results.evaluation("end_to_end")
    judged = judged_brains(scores)
    if judged is None:
        return [
            "No brain is annotated, so nothing can be said about how good the arms are.",
            *_of_finished(results),
        ]
    ranked = ranking(scores, judged, results.arms)
    if ranked.empty:
        return [
            f"F1 cannot be known on {judged.where}: either only some of the cells are annotated, "
            "or there are none. The tables below show what can be known."
        ]
    comparison = results.evaluation("comparison")
    sentences = [_best(ranked, judged)]
    if len(ranked) > 1:
        sentences.append(_against_next(ranked, judged, comparison))
    sentences += _against_baseline(ranked, scores, judged, results.baselines, comparison)
    doubtful = [name for name in judged.brains or (judged.name,) if results.misplaced(name)]
    sentences += _carry_over(results, scores, judged, doubtful)
    sentences += _detection_limit(results.evaluation("detection"), judged, doubtful)
    return [*sentences, _how_far(judged, results)]


def judged_brains(scores: pd.DataFrame) -> Judged | None:
    """Test brains if there are any, else train brains; None without annotated brains."""
    for role in ("test", "train"):
        names = list(dict.fromkeys(scores.loc[scores["role"] == role, "brain"]))
        if names:
            pooled = f"all {role} brains"
            brains = tuple(name for name in names if name != pooled)
            return Judged(pooled if pooled in names else names[0], role, brains)
    return None


def ranking(scores: pd.DataFrame, judged: Judged, arms: list[str]) -> pd.DataFrame:
    """F1 end to end of these arms on the judged brains: arm, value, low, high, the best first."""
    rows = scores[(scores["brain"] == judged.name) & (scores["metric"] == "f1")]
    rows = rows[rows["arm"].isin(arms)].dropna(subset="value")
    return rows.sort_values("value", ascending=False, kind="stable", ignore_index=True)


def difference(comparison: pd.DataFrame, arm: str, other: str, brain: str) -> pd.Series | None:
    """How much higher the F1 of `arm` is than that of `other`: difference, low, high."""
    rows = comparison[(comparison["brain"] == brain) & (comparison["metric"] == "f1")]
    for first, second, sign in ((arm, other, 1), (other, arm, -1)):
        found = rows[(rows["arm_a"] == first) & (rows["arm_b"] == second)]
        if len(found) and found.iloc[0][["difference", "low", "high"]].notna().all():
            row = found.iloc[0]
            bounds = sorted([sign * row["low"], sign * row["high"]])
            return pd.Series(
                {"difference": sign * row["difference"], "low": bounds[0], "high": bounds[1]}
            )
    return None


def _best(ranked: pd.DataFrame, judged: Judged) -> str:
    best = ranked.iloc[0]
    score = interval_text(best["value"], best["low"], best["high"])
    if len(ranked) == 1:
        return f"The one arm compared here, {best['arm']}, reaches F1 {score} on {judged.where}."
    return (
        f"Of {len(ranked)} arms, {best['arm']} has the highest F1 on {judged.where}: {score}, "
        "counting every annotated cell, also those that detection never proposed."
    )


def _against_next(ranked: pd.DataFrame, judged: Judged, comparison: pd.DataFrame) -> str:
    best, second = ranked.iloc[0], ranked.iloc[1]
    score = interval_text(second["value"], second["low"], second["high"])
    opening = f"The next is {second['arm']} with {score}."
    found = difference(comparison, best["arm"], second["arm"], judged.name)
    if found is None:
        return f"{opening} The two were not compared on the same candidates."
    told = f"On the candidates alone, judged by both, the F1 of {best['arm']} is {_higher(found)}"
    if found["low"] > 0:
        return f"{opening} {told}: the two can be told apart."
    if found["high"] < 0:
        return f"{opening} {told}: there the order is the other way round."
    return (
        f"{opening} {told}. That interval includes zero: the two cannot be told apart on these "
        "data, so choose by cost or by what you see in the pictures."
    )


def _higher(found: pd.Series) -> str:
    decimals = difference_decimals(found["low"], found["high"])
    size = f"{abs(found['difference']):.{decimals}f}"
    word = "higher" if found["difference"] >= 0 else "lower"
    told = f"{size} {word}" if float(size) else f"the same to {DIGITS[decimals]} digits"
    return f"{told} (difference {difference_text(*found)})"


def _against_baseline(
    ranked: pd.DataFrame,
    scores: pd.DataFrame,
    judged: Judged,
    baselines: list[str],
    comparison: pd.DataFrame,
) -> list[str]:
    """Whether arms beat a plain threshold on brightness, where that was measured."""
    plain = ranking(scores, judged, baselines)
    if plain.empty:
        return []
    best, plain = ranked.iloc[0], plain.iloc[0]
    score = interval_text(plain["value"], plain["low"], plain["high"])
    told = f"Keeping every candidate above a brightness threshold, with no network, gives {score}"
    found = difference(comparison, best["arm"], plain["arm"], judged.name)
    if found is None:
        return [f"{told}."]
    told += f"; on the candidates alone the F1 of {best['arm']} is {_higher(found)}"
    others = _worse(ranked["arm"].iloc[1:], plain["arm"], judged, comparison)
    if found["high"] < 0:
        also = f", as {'is' if len(others) == 1 else 'are'} {', '.join(others)}" if others else ""
        return [f"{told}: {WORSE}{also}."]
    said = [f"On the candidates alone {WORSE}: {', '.join(others)}."] if others else []
    if found["low"] > 0:
        return [f"{told}.", *said]
    return [f"{told}, so a network is not shown to be worth its cost here.", *said]


def _worse(arms: Iterable[str], plain: str, judged: Judged, comparison: pd.DataFrame) -> list[str]:
    """The arms whose difference to the threshold lies below zero with its whole interval."""
    found = {arm: difference(comparison, arm, plain, judged.name) for arm in arms}
    return [arm for arm, row in found.items() if row is not None and row["high"] < 0]


def _carry_over(
    results: RunResults, scores: pd.DataFrame, judged: Judged, doubtful: Sequence[str]
) -> list[str]:
    """Where a test brain is unlike the train brains, unless its annotation has to be checked."""
    if judged.role != "test":
        return []
    brains = [name for name in judged.brains if name not in doubtful]
    arms = [arm for arm in results.arms if arm not in results.finished]
    local = [arm for arm in arms if results.normalisation(arm) == "local"]
    on_candidates = results.evaluation("classification")
    return carry_over_sentences(scores, on_candidates, arms, brains, local)


def _detection_limit(detection: pd.DataFrame, judged: Judged, doubtful: list[str]) -> list[str]:
    rows = detection[detection["brain"] == judged.name].set_index("metric")["value"]
    if "recall" not in rows or pd.isna(rows["recall"]):
        return []
    recall, annotated = rows["recall"], int(rows["annotated"])
    reached = round(recall * annotated)
    told = f" (recall of detection {recall_text(reached, annotated)})"
    share = told if 0 < reached < annotated else ""
    found = f"on {judged.where} {who_has_a_candidate(reached, annotated)}{share}"
    if doubtful:
        return [
            f"Check the annotation of {', '.join(doubtful)} first (see the warnings about "
            f"detection below): its positions, not detection, may be why {found}."
        ]
    if reached == annotated:
        return [f"Detection misses nothing: {found}."]
    others = "the other" if annotated - reached == 1 else "the others"
    lost = f"no arm can find {others if reached else 'one without'}"
    if recall < POOR_DETECTION:
        return [f"What limits the result is detection: {found}, and {lost}. Mend that first."]
    return [f"Detection sets the limit: {found}; {lost}."]


def _of_finished(results: RunResults) -> list[str]:
    """What it means for a run that models were not trained in it: a sentence, or none."""
    finished = [arm for arm in results.arms if arm in results.finished]
    if not finished:
        return []
    one = len(finished) == 1
    return [
        f"{', '.join(finished)} {'is a finished model' if one else 'are finished models'}, used as "
        f"{'it is' if one else 'they are'}: what {'it has' if one else 'they have'} reached on "
        "brains of other runs need not hold for these. Annotated test brains would tell."
    ]


def _how_far(judged: Judged, results: RunResults) -> str:
    number, finished = len(judged.brains), results.finished
    if judged.role == "train" and results.all_finished:
        return (
            "All arms are finished models: nothing was fitted or chosen on these brains, as far as "
            "the models say what they have learnt from."
        )
    if judged.role == "train" and finished:
        were = "was" if len(finished) == 1 else "were"
        return (
            f"{', '.join(finished)} {were} not fitted on these brains, as far as is known. Of all "
            "other arms the epoch, the temperature and the threshold were chosen on these same "
            "scores, which makes theirs somewhat too good; set a brain aside as a test brain for "
            "an honest comparison."
        )
    if judged.role == "train":
        return (
            "There is no annotated test brain. Each candidate was scored by networks whose weights "
            "never saw it, but the epoch at which they were taken, the temperature and the "
            "threshold were chosen on these same scores, so these values are somewhat too good; "
            "set a brain aside as a test brain for an honest verdict."
        )
    kind = "brain" if number == 1 else "brains"
    honest = f"This run fitted and chose nothing by the annotation of the test {kind}; {BEFORE}."
    if number == 1:
        return (
            f"{honest} The brackets are 95% intervals for this brain: with one test brain nothing "
            "can be said about how much other animals differ."
        )
    doubt = (
        f" With only {number} test brains they say little about how much further animals differ."
        if number < FEW_BRAINS
        else ""
    )
    return f"{honest} The brackets are 95% intervals.{doubt}"
