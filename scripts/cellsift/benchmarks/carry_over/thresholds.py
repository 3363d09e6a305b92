"""Thresholds for a brain, and what F1 each gives there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit

from cellsift.annotation.drawing import draw_candidates
from cellsift.benchmarks.carry_over.arms import Scores
from cellsift.calibration.between_brains import BetweenBrains, between_brains
from cellsift.calibration.brain_threshold import brain_threshold
from cellsift.calibration.calibrate import calibrate
from cellsift.calibration.pooled_curve import by_pooled_curve
from cellsift.calibration.score_posterior import SUREST, Labels, ScorePosterior, score_posterior

# Steps of the share of cells (Saerens et al. 2002).
STEPS = 200
# Of plain Platt: just enough to hold classes that are perfectly apart.
RIDGE = 1e-3


@dataclass(frozen=True, eq=False)
class Case:
    """A brain that was left out, its scores on the scale of log odds, and what to set beside.

    logits (n,), by the pooled curve of the train brains; is_cell (n,); threshold: today's, on that
    scale; between: what the train brains say of a further one; share: that of cells among the
    candidates of the train brains.
    """

    logits: np.ndarray
    is_cell: np.ndarray
    threshold: float
    between: BetweenBrains
    share: float

    @classmethod
    def of(cls, scores: Scores) -> "Case":
        learnt, left_out = scores.learnt, scores.left_out
        labels = np.where(learnt["is_cell"], "cell", "no_cell")
        table = learnt.assign(label=labels, candidate=np.arange(len(learnt)))
        calibration = calibrate(table)
        temperature = calibration["temperature"]
        brains = [
            (rows["logit"].to_numpy() / temperature, rows["is_cell"].to_numpy())
            for _, rows in learnt.groupby("brain")
        ]
        threshold = logit(np.clip(calibration["threshold"], SUREST, 1 - SUREST))
        own = left_out["logit"].to_numpy() / temperature
        logits, cut, *meant = by_pooled_curve(
            [own, np.array([threshold]), *(scored for scored, _ in brains)], brains
        )
        return cls(
            logits,
            left_out["is_cell"].to_numpy(),
            float(cut[0]),
            between_brains([(o, is_cell) for o, (_, is_cell) in zip(meant, brains, strict=True)]),
            float(learnt["is_cell"].mean()),
        )

    def f1(self, threshold: float) -> float:
        """Of taking all candidates from this logit on as cells."""
        taken = self.logits >= threshold
        together = int(taken.sum() + self.is_cell.sum())
        return 2 * int((taken & self.is_cell).sum()) / together if together else float("nan")

    @property
    def best_f1(self) -> float:
        """That of the best threshold of all, which only the truth tells."""
        return best_cut(self.logits, self.is_cell)[1]

    def draw(self, number: int, seed: int) -> Labels:
        """Labels of so many candidates, drawn as `cellsift suggest` draws them."""
        rows, probability = draw_candidates(expit(self.logits), number, seed)
        return Labels(rows, self.is_cell[rows], 1 / probability)


def best_cut(
    logits: np.ndarray, is_cell: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, float]:
    """The logit from which taking candidates has the highest F1, and that F1."""
    weight = np.ones(len(logits)) if weight is None else weight
    order = np.argsort(-logits, kind="stable")
    hits, taken = np.cumsum((weight * is_cell)[order]), np.cumsum(weight[order])
    ends = np.flatnonzero(np.append(np.diff(logits[order]) < 0, True))
    f1 = 2 * hits[ends] / (taken[ends] + hits[-1])
    best = int(np.argmax(f1))
    return float(logits[order][ends[best]]), float(f1[best])


def expected_cut(log_odds: np.ndarray) -> int:
    """How many of these (n,), the highest first, to take as cells for the highest expected F1."""
    share = np.sort(expit(log_odds))[::-1]
    hits = np.cumsum(share)
    return int(np.argmax(2 * hits / (np.arange(1, len(share) + 1) + hits[-1]))) + 1


def estimated_share(case: Case) -> float:
    """The share of cells by expectation and maximisation (Saerens et al. 2002, eq. 2.11)."""
    share = case.share
    for _ in range(STEPS):
        shifted = case.logits + logit(share) - logit(case.share)
        share = float(np.clip(expit(shifted).mean(), SUREST, 1 - SUREST))
    return share


def of_estimated_share(case: Case) -> float:
    """The threshold that suits the estimated share of cells."""
    shifted = case.logits + logit(estimated_share(case)) - logit(case.share)
    return float(np.sort(case.logits)[::-1][expected_cut(shifted) - 1])


def of_train_brains(case: Case) -> float:
    """The threshold by what the train brains say of the spread between brains."""
    posterior = score_posterior(case.logits, [], case.between, 0)
    return brain_threshold(posterior, case.logits, in_use=case.threshold)[0]


@dataclass(frozen=True, eq=False)
class Labelled:
    """A case with labels of its brain."""

    case: Case
    labels: Labels

    @cached_property
    def posterior(self) -> ScorePosterior:
        """What the scores mean by the labels, with the train brains as prior."""
        return score_posterior(self.case.logits, [self.labels], self.case.between, 0)


def by_prior(drawn: Labelled) -> float:
    """The threshold of the brain's labels with the train brains as prior."""
    case, labels = drawn.case, [drawn.labels]
    return brain_threshold(drawn.posterior, case.logits, "f1", case.threshold, labels)[0]


def without_caution(drawn: Labelled) -> float:
    """The same as if no threshold were in use."""
    return brain_threshold(drawn.posterior, drawn.case.logits, labels=[drawn.labels])[0]


def of_open_candidates(drawn: Labelled) -> float:
    """As `by_prior`, but labels tell of scores alone: what they gain in a very large brain."""
    case = drawn.case
    return brain_threshold(drawn.posterior, case.logits, in_use=case.threshold)[0]


def by_platt(drawn: Labelled) -> float:
    """That of offset and slope fitted to the labels alone (Platt 1999)."""
    logits, labels = drawn.case.logits, drawn.labels
    weight = labels.weight / labels.weight.mean()
    offset, slope = fitted_line(logits[labels.rows], labels.is_cell, weight)
    number = expected_cut(offset + max(1 + slope, SUREST) * logits)
    return float(np.sort(logits)[::-1][number - 1])


def on_labels(drawn: Labelled) -> float:
    """That with the highest F1 on the labels, as they are weighted; today's if none is a cell."""
    case, labels = drawn.case, drawn.labels
    if not labels.is_cell.any():
        return case.threshold
    return best_cut(case.logits[labels.rows], labels.is_cell, labels.weight)[0]


def fitted_line(
    logits: np.ndarray, is_cell: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, float]:
    """Offset and slope by which the likeliest log odds are logit + offset + slope * logit."""
    weight = np.ones(len(logits)) if weight is None else weight
    design = np.stack([np.ones_like(logits), logits], axis=1)

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = logits + design @ beta
        value = weight @ (np.logaddexp(0, log_odds) - is_cell * log_odds) + RIDGE * beta @ beta
        return float(value), design.T @ (weight * (expit(log_odds) - is_cell)) + 2 * RIDGE * beta

    offset, slope = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    return float(offset), float(slope)


WITHOUT_LABELS: dict[str, Callable[[Case], float]] = {
    "today's": lambda case: case.threshold,
    "by spread of brains": of_train_brains,
    "by estimated share": of_estimated_share,
}
WITH_LABELS: dict[str, Callable[[Labelled], float]] = {
    "labels and train brains": by_prior,
    "the same without caution": without_caution,
    "the same, labels of scores alone": of_open_candidates,
    "Platt of labels alone": by_platt,
    "best on labels": on_labels,
}


def with_labels(case: Case, sizes: tuple[int, ...], draws: int) -> pd.DataFrame:
    """F1 for each way, size and draw; as a table of way, labels and f1."""
    rows = []
    for size in sizes:
        for seed in range(draws):
            drawn = Labelled(case, case.draw(size, seed))
            rows += [
                {"way": way, "labels": size, "f1": case.f1(threshold(drawn))}
                for way, threshold in WITH_LABELS.items()
            ]
    return pd.DataFrame(rows)
