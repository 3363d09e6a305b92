"""What of a config needs networks to be checked: whether each arm's can be built and trained."""

import torch

from cellsift.errors import InputError
from cellsift.interop.accepted_models import check_finished_model
from cellsift.models import check_options, create_model, model_options
from cellsift.project.arms import arm_file
from cellsift.settings.arms import Arm
from cellsift.settings.nearest import refuse_misspelt
from cellsift.settings.project import Project
from cellsift.settings.recipe import Recipe
from cellsift.settings.search import ends_of, recipe_with
from cellsift.training.fit_check import check_fits
from cellsift.training.pretraining.methods import check_method
from cellsift.training.starting_point.leakage import refuse_known_brains
from cellsift.training.starting_point.reading import read_starting_point
from cellsift.training.starting_point.wanted import WantedNetwork


def check_networks(project: Project) -> None:
    """Raise InputError unless every trained arm's network fits the config's cuboids and its recipe.

    What an arm starts from has to be there, made for such cuboids, and must not know a brain that
    is judged here. A finished model has to take the channels that the brains have.
    """
    for arm in project.arms.values():
        try:
            if arm.name in project.models:
                check_finished_model(project.models[arm.name], _channels(project))
            if arm.recipe is not None:
                _check_arm(arm, arm.recipe, project)
        except InputError as error:
            raise InputError(f"{arm_file(arm.name)}: {error}") from error


def _channels(project: Project) -> int:
    return 2 if any(brain.background for brain in project.brains.values()) else 1


def _check_arm(arm: Arm, recipe: Recipe, project: Project) -> None:
    cuboid = project.config.cuboid
    channels = _channels(project)
    said = f"architecture {arm.architecture!r} has no option"
    refuse_misspelt(arm.options, model_options(arm.architecture), said)
    check_options(arm.architecture, arm.options)
    # On the meta device nothing is allocated: only the shapes are worked out.
    with torch.device("meta"):
        network = create_model(arm.architecture, channels, cuboid.shape, **arm.options)
    check_fits(recipe, network)
    for values in ends_of(arm.search.space) if arm.search else []:
        check_fits(recipe_with(recipe, values), network)
    if pretraining := project.pretrainings.get(recipe.pretraining):
        check_method(pretraining.method, arm.architecture, network)
    if path := recipe.init_from:
        if cuboid.voxel_size is None:
            raise InputError(
                "training.init_from needs cuboids like those of its model, but where detection is "
                "searched for they follow the somata: write cuboid, with the model's shape and "
                "voxel_size, into the config"
            )
        refuse_known_brains(path, project.brains_of("train", "test", annotated=True))
        cuboids = (channels, cuboid.shape, cuboid.voxel_size, recipe.normalisation)
        read_starting_point(path, WantedNetwork(arm.architecture, arm.options, *cuboids))
