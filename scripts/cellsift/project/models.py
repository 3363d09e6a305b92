"""The finished models of arms: described, and checked against the config, the brains, each other.

No weights are read and torch is not imported.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cellsift.errors import InputError
from cellsift.interop.finished_models import describe_model
from cellsift.project.arms import arm_file
from cellsift.project.brains import complete_detection
from cellsift.results import Results
from cellsift.settings.arms import Arm
from cellsift.settings.brains import Brain
from cellsift.settings.checking import completed
from cellsift.settings.config import Config, Cuboid, Detection
from cellsift.settings.finished import FinishedModel
from cellsift.settings.project import CONFIG, DEFAULTS, Project

# The ending of a release's file.
RELEASE = ".zip"


def read_models(arms: Mapping[str, Arm], config: Config) -> dict[str, FinishedModel]:
    """The finished models of these arms, by the arm's name; for arms that are trained none.

    Raises InputError for one that cannot be used, and for one that this run would write itself.
    """
    models = {}
    for name, arm in arms.items():
        if arm.model is None:
            continue
        try:
            models[name] = describe_model(_located(arm.model, config.models))
            _refuse_own_results(models[name], arms, config)
        except InputError as error:
            raise InputError(f"{arm_file(name)}, model: {error}") from error
    return models


def _located(model: str, index: str) -> str:
    """The folder or file of a model; a release, by name, address or file, is fetched once.

    `index` is the config's `models`, in which a name is looked up; empty: $CELLSIFT_MODELS.
    """
    if Path(model).exists() and not model.endswith(RELEASE):
        return model
    if not ("://" in model or model.endswith(RELEASE) or Path(model).name == model):
        return model
    # Few models are releases.
    from cellsift.releases.fetch import model_folder

    return str(model_folder(model, index or None))


def arms_of_models(arms: Mapping[str, Arm], models: Mapping[str, FinishedModel]) -> dict[str, Arm]:
    """The arms, those with a finished model with the architecture and options of its networks."""
    return {
        name: replace(arm, architecture=models[name].architecture, options=models[name].options)
        if name in models
        else arm
        for name, arm in arms.items()
    }


def with_cuboids_of_models(
    config: Config, given: Mapping, models: Mapping[str, FinishedModel]
) -> Config:
    """The config with the cuboids that finished models take, where it names none itself.

    Args:
        given: what was written into the config.

    Raises InputError where cuboids are named that a model does not take, or two models take
    different ones.
    """
    first: FinishedModel | None = None
    for name, model in models.items():
        first = first or model
        if _cuboid(model) != _cuboid(first):
            raise InputError(
                f"{arm_file(name)}, model: {model.path} takes cuboids of {_in_words(model)}, "
                f"{first.path} of {_in_words(first)}, but all arms of a config see the same; give "
                "each of the two a config of its own"
            )
        if "cuboid" in given and (config.cuboid.shape, _size(config)) != _cuboid(model):
            raise InputError(
                f"{arm_file(name)}, model: {model.path} takes cuboids of {_in_words(model)}, the "
                f"config has others; write cuboid: {{shape: {list(model.shape)}, voxel_size: "
                f"{list(model.voxel_size)}}} into the config, or leave cuboid out"
            )
    if first is None or "cuboid" in given:
        return config
    cuboid = Cuboid(shape=first.shape, voxel_size=first.voxel_size)
    return config.model_copy(update={"cuboid": cuboid})


def with_detection_of_models(
    config: Config, given: Mapping, models: Mapping[str, FinishedModel]
) -> tuple[Config, str]:
    """The config with the detection that finished models learnt from, where it says nothing of it.

    And `Project.detection_from`.

    Args:
        given: what was written into the config.

    Raises InputError where two models learnt from different ones, or one from brains that differ.
    """
    recorded = {name: model for name, model in models.items() if model.detection is not None}
    if "detection" in given or not recorded:
        return config, CONFIG if "detection" in given else DEFAULTS
    (name, first), *others = recorded.items()
    for other, model in others:
        if model.detection != first.detection:
            raise InputError(
                f"{arm_file(other)}, model: {model.path} learnt from candidates of another "
                f"detection than {first.path}; write detection into the config, or give each of "
                "the two a config of its own"
            )
    assert first.detection is not None
    if first.detection.differing:
        raise InputError(
            f"{arm_file(name)}, model: the brains that {first.path} learnt from were detected "
            f"with different settings ({first.detection.told_differences()}); write detection into "
            "the config"
        )
    what = f"{arm_file(name)}, model: {first.path}, its detection"
    detection = completed(Detection, first.detection.in_config(), what)
    whole = complete_detection(detection, what)
    return config.model_copy(update={"detection": whole}), first.path


def notes_on_detection(project: Project) -> list[str]:
    """Where a run of finished models has its detection from, if not from its config: a sentence."""
    if not project.models or project.detection_from == CONFIG:
        return []
    detection = project.config.detection
    told = {key: value for key, value in detection.to_dict().items() if value is not None}
    listed = ", ".join(f"{key}: {value}" for key, value in told.items())
    if project.detection_from == DEFAULTS:
        return [
            f"detection is the default, {{{listed}}}: neither the config nor the finished model "
            "says what it learnt from. Write detection into the config as its training had it."
        ]
    return [
        f"detection is as {project.detection_from} learnt, {{{listed}}}, since the config says "
        "nothing of it."
    ]


def refuse_known_brains(
    models: Mapping[str, FinishedModel], brains: Mapping[str, Brain], table: str
) -> None:
    """Raise InputError for a finished model that has learnt from a brain it would be judged on."""
    judged = [name for name, b in brains.items() if b.role in ("train", "test") and b.annotated]
    for arm, model in models.items():
        if known := [name for name in judged if name in model.learnt_from]:
            raise InputError(
                f"{arm_file(arm)}, model: {model.path} has learnt from brain "
                f"{', '.join(known)}, which is to be judged here: its figures would be too good; "
                f"give it the role predict in {table}, take the arm out, or, if it is another "
                "brain, give it another name"
            )


def refuse_nothing_to_learn_from(
    config: Config, brains: Mapping[str, Brain], arms: Mapping[str, Arm]
) -> None:
    """Raise InputError where something is to be learnt, but no train brain is annotated.

    Of detection nothing is learnt from brains whose candidates are given.
    """
    learnt_from = [b for b in brains.values() if b.role == "train" and b.annotated]
    if not learnt_from:
        _refuse_training(config, arms)
    if not any(brain.candidates is None for brain in learnt_from):
        _refuse_to_learn_detection(config, brains)


def _refuse_training(config: Config, arms: Mapping[str, Arm]) -> None:
    trained = [name for name, arm in arms.items() if arm.model is None]
    if trained:
        raise InputError(
            f"{config.brains_table}: no brain of role train has annotated cells, so nothing "
            f"can be learnt, but {', '.join(trained)} {'is' if len(trained) == 1 else 'are'} to be "
            "trained; give at least one train brain a file in its column cells, or let all arms be "
            "finished models (`model` in config/arms/NAME.yaml). What may be detected in a volume "
            "that nobody annotated is suggested by .venv/bin/python -m "
            "cellsift.training.detection VOLUME"
        )


def _refuse_to_learn_detection(config: Config, brains: Mapping[str, Brain]) -> None:
    detected = [brain for brain in brains.values() if brain.candidates is None]
    given = len(detected) < len(brains)
    none = f"{config.brains_table} has none" + (" without candidates of its own" if given else "")
    if config.searches_detection and not detected:
        raise InputError(
            f"config, detection: method auto searches for a detector, but {config.brains_table} "
            "gives every brain its candidates; name a method, as {method: dog}, which then detects "
            "nothing"
        )
    if config.searches_detection:
        raise InputError(
            "config, detection: method auto searches on annotated train brains, of which "
            f"{none}; name a method with its parameters, as "
            "{method: dog, soma_diameter: 14}"
        )
    # Where nothing is detected, nothing is chosen either.
    keep = config.detection.keep
    if keep is not None and keep.contrast is None and detected:
        raise InputError(
            "config, detection: keep chooses a contrast on annotated train brains, of which "
            f"{none}; remove keep, or name the contrast itself, as {{contrast: 0.2}}"
        )


def _refuse_own_results(model: FinishedModel, arms: Mapping[str, Arm], config: Config) -> None:
    source = Path(model.path).resolve()
    for name in arms:
        own = Results(config.results).model(name).path.resolve()
        if source == own or own in source.parents:
            raise InputError(
                f"{model.path} is what this run writes for arm {name}; copy it to a folder of its "
                "own, or write to other results"
            )


def _cuboid(model: FinishedModel) -> tuple:
    return model.shape, model.voxel_size


def _size(config: Config) -> tuple | None:
    size = config.cuboid.voxel_size
    return None if size is None else tuple(map(float, size))


def _in_words(model: FinishedModel) -> str:
    return f"{list(model.shape)} voxels of {list(model.voxel_size)} µm"
