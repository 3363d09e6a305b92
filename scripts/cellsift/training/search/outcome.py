"""What a search has found: its trials as a table, the best recipe, and what made the difference."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.io.tables import read_table, write_table
from cellsift.settings.arms import Arm
from cellsift.settings.search import Range, Search, Space, is_whole_number
from cellsift.training.journal import ended_trials
from cellsift.training.search.study import OWN_RECIPE, distributions

# The columns of a trial beside its values.
NUMBER, STATE, OWN, MERIT = "trial", "state", "own_recipe", "average_precision"
DECIMALS = 9
ENDED, GIVEN_UP = "ended", "given up"
TREES = 64


class OutcomeFiles(Protocol):
    """Where the outcome of a search goes: `results.SearchFolder`, or a rule's outputs."""

    @property
    def trials(self) -> str | Path:
        """CSV of all trials."""

    @property
    def importance(self) -> str | Path:
        """CSV of the share of the trials' differences that each key explains."""

    @property
    def chosen(self) -> str | Path:
        """JSON of the best trial."""


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """Return the trials that ended or were given up, with a column for each key that was tried.

    Before these: trial, state, own_recipe (whether it is the arm's own) and average_precision, for
    one that was given up that of the folds until then, if there is any.
    """
    return pd.DataFrame(
        {
            NUMBER: trial.number,
            STATE: ENDED if trial.state == TrialState.COMPLETE else GIVEN_UP,
            OWN: bool(trial.user_attrs.get(OWN_RECIPE, False)),
            MERIT: [np.nan, *trial.intermediate_values.values()][-1],
            **trial.params,
        }
        for trial in ended_trials(study)
    )


def choose_recipe(
    arm: Arm, tables: Sequence[str | Path], files: OutcomeFiles, seed: int = 1
) -> dict[str, Any]:
    """Write all trials, what made the difference and the best recipe; return this one.

    `files.chosen` has the values of the best trial, its average precision, that of the arm's own
    recipe (none if the space does not include it), and the number of trials. `files.importance`
    has for each key the share of the trials' differences that it explains (functional ANOVA, Hutter
    et al. 2014).

    Args:
        tables: job-N.csv of all jobs; a trial may be in several.

    Raises:
        InputError: no trial came to its end.
    """
    joined = pd.concat([read_table(path, exact=True) for path in tables]).drop_duplicates(NUMBER)
    trials = joined.sort_values(NUMBER).reset_index(drop=True)
    ended = trials[trials[STATE] == ENDED]
    if ended.empty:
        raise InputError(
            f"none of {len(trials)} trials of the search came to its end, as every training "
            "diverged; try lower values of learning_rate"
        )
    best = ended.loc[ended[MERIT].idxmax()]
    own = ended.loc[ended[OWN], MERIT]
    space = (arm.search or Search()).space
    chosen = {
        "values": {key: _plain(key, best[key], tried) for key, tried in space.items()},
        MERIT: round(float(best[MERIT]), DECIMALS),
        "own_average_precision": round(float(own.iloc[0]), DECIMALS) if len(own) else None,
        "trials": len(trials),
    }
    write_table(trials, files.trials, decimals=None)
    write_table(_importance(ended, space, seed), files.importance)
    write_json(chosen, files.chosen)
    return chosen


def write_trials(study: optuna.Study, path: str | Path) -> None:
    """Write `trials_table` with every digit: a rounded value may lie outside its space."""
    write_table(trials_table(study), path, decimals=None)


def _plain(key: str, value: Any, tried: list | Range) -> Any:
    """The value as it stands in a recipe; tables have numbers of their own types."""
    if isinstance(tried, list):
        return next(choice for choice in tried if str(choice) == str(value) or choice == value)
    return int(value) if is_whole_number(key) else float(value)


def _importance(ended: pd.DataFrame, space: Space, seed: int) -> pd.DataFrame:
    """Columns key and share, the highest share first; empty where all trials are alike."""
    shares = {}
    if ended[MERIT].nunique() > 1:
        # It loads scikit-learn, a second for a table that may be empty.
        from optuna.importance import FanovaImportanceEvaluator

        study = optuna.create_study(direction="maximize")
        for row in ended.to_dict("records"):
            values = {key: _plain(key, row[key], tried) for key, tried in space.items()}
            trial = optuna.create_trial(
                params=values, distributions=distributions(space), value=row[MERIT]
            )
            study.add_trial(trial)
        evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
        shares = evaluator.evaluate(study)
    table = pd.DataFrame({"key": list(shares), "share": list(shares.values())})
    return table.sort_values("share", ascending=False, kind="stable")
