"""By which detection a model is used on a volume: as it learnt, unless somebody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellsift.calibration.description import read_description
from cellsift.detection import check_parameters
from cellsift.errors import InputError
from cellsift.io.names import MODEL_FILE
from cellsift.settings.learnt_detection import LearntDetection

if TYPE_CHECKING:
    import pandas as pd

    from cellsift.io.volumes import Volume

# Of models that do not say what they learnt from.
METHOD = "dog"


@dataclass(frozen=True)
class UsedDetection:
    """A detector with all its parameters, the contrast that is kept, and where they are from.

    `least_contrast`: fainter candidates are dropped; None: all are kept. `source` is in words;
    `as_learnt`: whether nothing differs from what the model learnt from. The method is empty where
    nothing was detected.
    """

    method: str
    parameters: dict[str, Any]
    least_contrast: float | None
    source: str
    as_learnt: bool = False

    @classmethod
    def none(cls, file: str | Path) -> UsedDetection:
        """Of candidates that another program has found, which a file gives."""
        return cls("", {}, None, f"of {file}")

    def candidates(self, volume: Volume) -> pd.DataFrame:
        """The candidates of a volume, as `detect` gives them; errors as of it."""
        from cellsift.detection import detect

        found = detect(volume, self.method, **self.parameters)
        if self.least_contrast is None:
            return found
        return found[found["contrast"] >= self.least_contrast].reset_index(drop=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, a key for each attribute."""
        return asdict(self)

    def sentence(self) -> str:
        """What was used and where it is from, in a line."""
        if not self.method:
            return f"candidates {self.source}, nothing was detected"
        told = {k: v for k, v in self.parameters.items() if v is not None}
        if self.least_contrast is not None:
            told["contrast of at least"] = f"{self.least_contrast:.4g}"
        listed = ", ".join(f"{name} {value}" for name, value in told.items())
        return f"detection: {self.method} ({listed}), {self.source}"


def detection_for(
    model: str | Path, method: str | None = None, parameters: Mapping[str, Any] | None = None
) -> UsedDetection:
    """By which detection a model is used.

    With a method, that one, with these parameters and its defaults. Without, as the model learnt,
    but for these parameters; of a model that does not say how, `dog` with its defaults.

    Args:
        model: its folder.

    Raises:
        InputError: no model is there, parameters that the detector does not take, or the model
            learnt from brains of which each had its own and none is given.

    Example:
        detection_for("results/mine/models/resnet_narrow").sentence()
    """
    given = dict(parameters or {})
    if method is not None:
        return UsedDetection(method, check_parameters(method, **given), None, "as given")
    path = Path(model) / MODEL_FILE
    learnt = LearntDetection.in_description(read_description(model), path)
    if learnt is None:
        return _unknown(given)
    return _as_learnt(learnt, given, path)


def _unknown(given: dict[str, Any]) -> UsedDetection:
    rest = "the other parameters are" if given else "which are"
    source = (
        f"{_as_given(given)}{rest} its defaults: the model does not say what it learnt from; give "
        "--method and --set as its training had them"
    )
    return UsedDetection(METHOD, check_parameters(METHOD, **given), None, source)


def _as_learnt(learnt: LearntDetection, given: dict[str, Any], path: Path) -> UsedDetection:
    if open_ones := [name for name in learnt.differing if name not in given]:
        raise InputError(
            f"{path}: the brains that the model learnt from were detected with different settings "
            f"({learnt.told_differences()}); give {' '.join(f'--set {n}=...' for n in open_ones)}"
        )
    try:
        parameters = check_parameters(learnt.method, **learnt.parameters | given)
    except InputError as error:
        raise InputError(f"{path}, detection: {error}") from error
    changed = {name: value for name, value in given.items() if name not in learnt.differing}
    rest = "the rest as the model learnt" if changed else "as the model learnt"
    source = _as_given(given) + rest
    return UsedDetection(learnt.method, parameters, learnt.least_contrast, source, not given)


def _as_given(given: Mapping[str, Any]) -> str:
    return f"{', '.join(given)} as given, " if given else ""
