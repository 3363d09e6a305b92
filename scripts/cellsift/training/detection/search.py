"""The search: which detector, with which parameters, reaches the wish with the fewest candidates.

A third of the trials are shared by all detectors, of which slow ones have fewer; of the others
three in four go to the one that is best until then. The values of each are drawn by the tree-
structured Parzen estimator (Bergstra et al. 2011), with a seed of their own: a search that was
killed goes on as if it had not been.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from cellsift.detection import list_detectors
from cellsift.detection.registry import detector_class
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.detection.somata import Somata
from cellsift.errors import InputError
from cellsift.settings.parameters import Range
from cellsift.training.detection.judging import Judgement, Wish, judge
from cellsift.training.detection.trying import TrialBrain, curves_of
from cellsift.training.journal import ended_trials, experimental, open_study
from cellsift.training.seeds import seed_of

# Values are rounded to so many digits, so that what is pasted into a config is what was tried.
DIGITS = 3
# Drawn at random before the estimator has enough to go by.
AT_RANDOM = 6
# Somata of another brain may be smaller than any that were annotated, by about so much, and stand
# closer: filters that are too wide for them miss them, too narrow ones cost candidates only.
SMALLER = 1.3
# Of so many trials one goes to the detector that was tried least, also where another is better.
TURN = 4
JUDGEMENT, NOTE, PARAMETERS = "judgement", "note", "parameters"


@dataclass(frozen=True)
class Trial:
    """A setting that was tried; `judgement` is None where the detector could not work with it."""

    number: int
    method: str
    values: Mapping[str, float]
    parameters: Mapping[str, Any]
    judgement: Judgement | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class DetectionSearch:
    """What a search is told.

    - brains: annotated, with their crops;
    - somata: what its ranges are built around;
    - code: a hash of the code that decides about results.
    """

    brains: Sequence[TrialBrain]
    somata: Somata
    wish: Wish = Wish()
    trials: int = 40
    seed: int = 1
    code: str = ""
    resources: Resources = UNLIMITED

    def space(self, method: str) -> dict[str, Range]:
        """What is tried of a detector; ranges that hold for the coarsest voxels of all brains."""
        sizes = [brain.voxel_size for brain in self.brains]
        coarsest = (
            max(z for z, _, _ in sizes),
            max(y for _, y, _ in sizes),
            max(x for *_, x in sizes),
        )
        return dict(detector_class(method).search_space(self.somata, coarsest))

    def methods(self) -> list[str]:
        """The detectors that can be searched, sorted."""
        return [name for name in list_detectors() if self.space(name)]

    def run(self, journal: Path, told: Callable[[float, int], object] | None = None) -> list[Trial]:
        """All trials in their order, those of an earlier start out of the `journal` included.

        `told` is called with the number of trials done, and of all. Raises InputError where no
        detector can work on the crops.
        """
        methods = self.methods()
        studies = {name: open_study(journal, f"{self._name()}-{name}") for name in methods}
        while (done := self._ended(studies)) < self.trials:
            if told is not None:
                told(done, self.trials)
            method = self._next_method(studies, done)
            judged = [_loss(trial) for trial in self._all(studies) if trial.judgement is not None]
            self._try_next(studies[method], method, done, min(judged, default=math.inf))
        if told is not None:
            told(self.trials, self.trials)
        return self._all(studies)

    def _ended(self, studies: Mapping[str, optuna.Study]) -> int:
        return sum(len(ended_trials(study)) for study in studies.values())

    def _next_method(self, studies: Mapping[str, optuna.Study], done: int) -> str:
        names = list(studies)
        judged = [trial for trial in self._all(studies) if trial.judgement is not None]
        if done < max(self.trials // 3, len(names)) or done % TURN == 0 or not judged:
            return min(names, key=lambda name: self._time_spent(name, studies[name]))
        return best_of(judged).method

    @staticmethod
    def _time_spent(method: str, study: optuna.Study) -> float:
        """So that slow detectors are tried less often, but each before any is tried again."""
        tried = len(ended_trials(study))
        return tried * detector_class(method).relative_time if tried else 0.0

    def _try_next(self, study: optuna.Study, method: str, number: int, lowest: float) -> None:
        space = self.space(method)
        seed = seed_of(self.seed, number) % 2**31
        with experimental():
            study.sampler = TPESampler(n_startup_trials=AT_RANDOM, multivariate=True, seed=seed)
            if not ended_trials(study):
                study.sampler = PartialFixedSampler(_middles(space), study.sampler)
            trial = study.ask(_distributions(space))
        values = {name: _rounded(value) for name, value in trial.params.items()}
        parameters = detector_class(method).searched_parameters(values)
        larger = {
            name: _rounded(value * (SMALLER if space[name].length else 1))
            for name, value in values.items()
        }
        trial.set_user_attr("number", number)
        trial.set_user_attr(PARAMETERS, parameters)
        try:
            judgement = self._judged(method, parameters, larger, lowest)
        except InputError as problem:
            trial.set_user_attr(NOTE, str(problem))
            study.tell(trial, state=TrialState.PRUNED)
            return
        trial.set_user_attr(JUDGEMENT, asdict(judgement))
        study.tell(trial, judgement.loss)

    def _judged(
        self,
        method: str,
        parameters: Mapping[str, Any],
        larger: Mapping[str, float],
        lowest: float,
    ) -> Judgement:
        """How good parameters are; on smaller somata only where they could still be the best."""
        curves = curves_of(self.brains, method, parameters, self.resources)
        judgement = judge(curves, self.wish)
        if judgement.loss / 2 > lowest:
            return judgement
        # To lengths that are larger by a factor, all that is there is smaller by it.
        scaled = detector_class(method).searched_parameters(larger)
        try:
            smaller = curves_of(self.brains, method, scaled, self.resources)
        except InputError:
            # The volume has no room for filters so large: that says nothing about the setting.
            return judgement
        return judge(curves, self.wish, smaller)

    def _all(self, studies: Mapping[str, optuna.Study]) -> list[Trial]:
        found = [
            _trial(method, trial)
            for method, study in studies.items()
            for trial in ended_trials(study)
        ]
        return sorted(found, key=lambda trial: trial.number)

    def _name(self) -> str:
        """A hash of all that decides about a trial; what changes it begins a study of its own."""
        digest = hashlib.sha256()
        spaces = {
            name: {key: asdict(tried) for key, tried in self.space(name).items()}
            for name in self.methods()
        }
        settings = [asdict(self.wish), self.trials, self.seed, self.code, spaces]
        digest.update(json.dumps(settings, sort_keys=True).encode())
        for brain in self.brains:
            digest.update(
                repr((brain.name, brain.voxel_size, brain.distance_um, brain.partial)).encode()
            )
            for crop in brain.crops:
                arrays = crop.volume.data.compute(), crop.origin, crop.annotated, crop.margin
                for array in arrays:
                    digest.update(repr((array.shape, str(array.dtype))).encode() + array.tobytes())
        return digest.hexdigest()[:16]


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial of the lowest loss; of those that are as good, within a hundredth, the quickest.

    How quick a detector is, is what its class says, not what was measured: the same seed gives the
    same choice on every machine. Raises InputError where none of the trials could be judged.
    """
    judged = [trial for trial in trials if trial.judgement is not None]
    if not judged:
        notes = next((trial.note for trial in trials if trial.note), "")
        raise InputError(
            f"no detector can work on the annotated train brains: {notes or 'nothing was tried'}"
        )
    lowest = min(_loss(trial) for trial in judged)
    as_good = [trial for trial in judged if _loss(trial) <= lowest * 1.01]
    return min(as_good, key=lambda t: (detector_class(t.method).relative_time, _loss(t), t.number))


def tried_on_others(trials: Sequence[Trial]) -> dict[str, Mapping]:
    """What the search gives in each group that had no say in it, neither in setting nor threshold.

    For each group the trial that is best on all others, with the threshold chosen on these; where
    there is one group alone, what is best on that. Of `RecallCurve.at`, by name.
    """
    judged = [trial for trial in trials if trial.judgement is not None]
    found = {}
    for name in best_of(judged).judgement.groups:  # type: ignore[union-attr]
        best = min(judged, key=lambda trial: (_loss_without(trial, name), trial.number))
        assert best.judgement is not None
        found[name] = best.judgement.held_out[name]
    return found


def _loss_without(trial: Trial, group: str) -> float:
    assert trial.judgement is not None
    losses = trial.judgement.losses
    others = [loss for name, loss in losses.items() if name != group] or list(losses.values())
    return sum(others) / len(others)


def _loss(trial: Trial) -> float:
    assert trial.judgement is not None
    return trial.judgement.loss


def _trial(method: str, trial: FrozenTrial) -> Trial:
    noted = trial.user_attrs
    return Trial(
        number=noted["number"],
        method=method,
        values={name: _rounded(value) for name, value in trial.params.items()},
        parameters=noted[PARAMETERS],
        judgement=Judgement(**noted[JUDGEMENT]) if JUDGEMENT in noted else None,
        note=noted.get(NOTE, ""),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _middles(space: Mapping[str, Range]) -> dict[str, float]:
    return {
        name: (tried.low * tried.high) ** 0.5 if tried.log else (tried.low + tried.high) / 2
        for name, tried in space.items()
    }


def _distributions(space: Mapping[str, Range]) -> dict[str, BaseDistribution]:
    return {
        name: FloatDistribution(tried.low, tried.high, log=tried.log)
        for name, tried in space.items()
    }
