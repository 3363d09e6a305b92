"""The study of a search: a journal on disk, shared by all jobs that do its trials (Optuna)."""

from pathlib import Path

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import MedianPruner
from optuna.samplers import PartialFixedSampler, TPESampler

from cellsift.settings.recipe import Recipe
from cellsift.settings.search import Range, Search, Space, is_whole_number, own_values
from cellsift.training.journal import ended_trials, experimental, open_study
from cellsift.training.seeds import seed_of

# What tells the trial of the arm's own recipe from the others.
OWN_RECIPE = "own_recipe"
# The first trials are drawn at random; of so many at least, before one is judged hopeless.
LEAST_AT_RANDOM = 4


def open_recipe_study(journal: Path, name: str) -> optuna.Study:
    """Return the study of a name in a journal, as `journal.open_study` does."""
    pruner = MedianPruner(n_startup_trials=LEAST_AT_RANDOM, n_warmup_steps=0)
    return open_study(journal, name, direction="maximize", pruner=pruner)


def has_tried_own(study: optuna.Study) -> bool:
    """Return whether the trial of `own_trial` has ended."""
    return any(OWN_RECIPE in trial.user_attrs for trial in ended_trials(study))


def own_trial(study: optuna.Study, recipe: Recipe, search: Search, seed: int) -> optuna.Trial:
    """Return a new trial with the arm's own recipe.

    Where the space does not include all of it, it is its next of kin.
    """
    space = search.space
    values = own_values(recipe, space)
    with experimental():
        study.sampler = PartialFixedSampler(values, _sampler(study, search, seed))
    trial = study.ask(distributions(space))
    trial.set_user_attr(OWN_RECIPE, len(values) == len(space))
    return trial


def next_trial(study: optuna.Study, search: Search, seed: int) -> optuna.Trial:
    """Return a new trial with values of the space that look promising by those that have ended.

    Drawn by the multivariate tree-structured Parzen estimator (Bergstra et al. 2011; Falkner et
    al. 2018). Each draw has a seed of its own: with one job, a search that was killed goes on as if
    it had not been. Several jobs also mind what the others are trying just now.

    Args:
        seed: another for each job, as all of them may draw before any trial has ended.
    """
    with experimental():
        study.sampler = _sampler(study, search, seed)
    return study.ask(distributions(search.space))


def _sampler(study: optuna.Study, search: Search, seed: int) -> TPESampler:
    return TPESampler(
        n_startup_trials=max(LEAST_AT_RANDOM, search.trials // 4),
        multivariate=True,
        constant_liar=search.jobs > 1,
        seed=seed_of(seed, len(ended_trials(study))) % 2**31,
    )


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return a space in Optuna's terms."""
    return {key: _distribution(key, tried) for key, tried in space.items()}


def _distribution(key: str, tried: list | Range) -> BaseDistribution:
    if isinstance(tried, list):
        return CategoricalDistribution(tried)
    if is_whole_number(key):
        return IntDistribution(int(tried.low), int(tried.high), log=tried.log)
    return FloatDistribution(tried.low, tried.high, log=tried.log)
