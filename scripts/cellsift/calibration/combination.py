"""The weights of an ensemble's members, fitted on their out-of-fold scores."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from cellsift.calibration.members import Combination
from cellsift.errors import InputError
from cellsift.io.names import CELL, NO_CELL
from cellsift.labels.reached import GET_BOTH_LABELS

COLUMNS = ["brain", "candidate", "label", "fold"]
# Of the logistic regression, the inverse of the penalty's strength; the middle one where there is
# no second fold to choose by.
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
# Less than this changes no score that is kept.
SMALLEST_WEIGHT = 1e-6


def combine(
    scores: Mapping[str, pd.DataFrame],
    temperatures: Mapping[str, float],
    method: str = "mean",
    *,
    draft: bool = False,
) -> tuple[Combination, pd.DataFrame]:
    """Return an ensemble's combination and its own out-of-fold scores.

    The inputs are the members' calibrated logits, logit / temperature. Methods:

    - mean: equal weights;
    - simplex: non-negative weights that sum to 1, of the smallest log loss;
    - stacking: logistic regression (Wolpert 1992 calls it stacked generalisation), its penalty
      chosen by leaving out one fold after the other.

    The combination is fitted on all labelled scores. The scores of a fold come from one that was
    fitted on the other folds alone: of its own labels no more is in them than the temperatures,
    taken as they are given, and the odds of a cell, for which all members' scores stand.

    Args:
        scores: by member, columns brain, candidate, label (cell, no_cell or ambiguous), fold and
            logit, for the same candidates in the same folds.
        temperatures: by member.
        draft: whether the scores may be of a single fold, where the weights are equal.

    The scores have the same columns. Raises InputError where tables do not fit each other, there
    are fewer than two folds, or cells or artefacts are missing outside of a fold.
    """
    if method not in METHODS:
        raise InputError(f"the method {method!r} is not known; choose one of {', '.join(METHODS)}")
    table, logits = _aligned(scores)
    folds = table["fold"].to_numpy()
    alone = draft and method == "mean" and len(set(folds)) == 1
    if len(set(folds)) < 2 and not alone:
        raise InputError(
            f"the members' scores are of {len(set(folds))} fold; an ensemble needs at least 2"
        )
    fitted = _fit(method, table, logits, temperatures, "the train brains have")
    if alone:
        # Equal weights have learnt nothing from the fold.
        return fitted, table.assign(logit=fitted.logits(logits))
    joined = np.empty(len(table))
    for fold in np.unique(folds):
        out = folds == fold
        others = {name: values[~out] for name, values in logits.items()}
        what = f"outside of fold-{fold} the train brains have"
        of_others = _fit(method, table[~out], others, temperatures, what)
        joined[out] = of_others.logits({name: values[out] for name, values in logits.items()})
    return fitted, table.assign(logit=joined)


def _fit(
    method: str,
    table: pd.DataFrame,
    logits: Mapping[str, np.ndarray],
    temperatures: Mapping[str, float],
    what: str,
) -> Combination:
    """The combination that the labelled rows call for; `what` begins the message of a refusal."""
    used = table["label"].isin([CELL, NO_CELL]).to_numpy()
    is_cell = (table["label"] == CELL).to_numpy()[used]
    cells, artefacts = int(is_cell.sum()), int((~is_cell).sum())
    if not cells or not artefacts:
        raise InputError(
            f"{what} {cells} candidates labelled cell and {artefacts} labelled no_cell; an "
            f"ensemble needs both: {GET_BOTH_LABELS}"
        )
    inputs = np.stack([logits[name][used] / temperatures[name] for name in logits], axis=1)
    weights, intercept = METHODS[method](inputs, is_cell, table["fold"].to_numpy()[used])
    by_name = {name: float(weight) for name, weight in zip(logits, weights, strict=True)}
    return Combination(
        method, by_name, {name: float(temperatures[name]) for name in logits}, float(intercept)
    )


def _mean(inputs: np.ndarray, is_cell: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, float]:
    return np.full(inputs.shape[1], 1 / inputs.shape[1]), 0.0


def _simplex(
    inputs: np.ndarray, is_cell: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, float]:
    sign = np.where(is_cell, 1.0, -1.0)

    def log_loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (inputs @ weights)
        return np.logaddexp(0, -margin).mean(), -(sign * expit(-margin)) @ inputs / len(inputs)

    count = inputs.shape[1]
    equal = np.full(count, 1 / count)
    found = minimize(
        log_loss,
        equal,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-10, "maxiter": 500},
    ).x
    found = np.where(found > SMALLEST_WEIGHT, found, 0.0)
    return found / found.sum(), 0.0


def _stacking(
    inputs: np.ndarray, is_cell: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, float]:
    # Only here: it takes longer to load than the other methods take to work.
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    model = LogisticRegression(C=STRENGTHS[len(STRENGTHS) // 2], max_iter=1000)
    parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in set(folds)]
    whole = [part for part in parts if all(len(set(is_cell[rows])) == 2 for rows in part)]
    if whole:
        # Of strengths that do as well, the first and so the strongest penalty is taken.
        choice = GridSearchCV(model, {"C": STRENGTHS}, scoring="neg_log_loss", cv=whole)
        model = choice.fit(inputs, is_cell).best_estimator_
    else:
        model.fit(inputs, is_cell)
    return model.coef_[0], model.intercept_[0]


METHODS = {"mean": _mean, "simplex": _simplex, "stacking": _stacking}


def _aligned(scores: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The candidates that all members have scored, and by member their logits."""
    if len(scores) < 2:
        raise InputError(
            f"the ensemble has the members {list(scores)}; give it at least two trained arms"
        )
    tables = {name: _ordered(name, scores[name]) for name in sorted(scores)}
    first, *others = tables
    kinds = {"candidates": ["brain", "candidate"], "folds": ["fold"], "labels": ["label"]}
    for name in others:
        for kind, columns in kinds.items():
            one, other = (tables[member][columns].to_numpy() for member in (first, name))
            if not np.array_equal(one, other):
                raise InputError(
                    f"the out-of-fold scores of members {first} ({len(one)} rows) and {name} "
                    f"({len(other)} rows) differ in their {kind}; train both in the same run"
                )
    logits = {name: table["logit"].to_numpy(float) for name, table in tables.items()}
    return tables[first][COLUMNS], logits


def _ordered(name: str, table: pd.DataFrame) -> pd.DataFrame:
    where = f"the out-of-fold scores of member {name}"
    if missing := [column for column in (*COLUMNS, "logit") if column not in table]:
        raise InputError(f"{where} lack the columns {', '.join(missing)}; train it anew")
    twice = table[table.duplicated(["brain", "candidate"])]
    if len(twice):
        raise InputError(
            f"{where} name candidate {twice['candidate'].iloc[0]} of brain "
            f"{twice['brain'].iloc[0]} twice; train it anew"
        )
    wrong = int((~np.isfinite(table["logit"].to_numpy(float))).sum())
    if wrong:
        raise InputError(
            f"{where} are not finite for {wrong} candidates: its training diverged; lower its "
            "learning rate and train it anew"
        )
    # In a set order, so that nothing depends on how rows came.
    return table.sort_values(["brain", "candidate"], ignore_index=True)
