"""A pre-training: from the cuboids of many brains, without their labels, to a backbone."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.cuboids.batches import Cuboids, fit_normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference.device import choose_device, move_to_device
from cellsift.models import create_model
from cellsift.settings.pretraining import Pretraining
from cellsift.training.checkpoint import fingerprint
from cellsift.training.engine import RunOptions, train
from cellsift.training.pretraining.backbone_training import BackboneTraining
from cellsift.training.pretraining.methods import Method, check_method, make_method
from cellsift.training.pretraining.outputs import BackboneFiles, write_backbone

FEWEST_CUBOIDS = 2


def pretrain(
    settings: Pretraining,
    stores: Mapping[str, CuboidStore],
    files: BackboneFiles,
    checkpoint: Path,
    run: RunOptions,
) -> Path:
    """Pre-train a backbone on all cuboids of some brains and return the path of its JSON sidecar.

    A pre-training that was killed goes on from its checkpoint, see `engine.train`. The checkpoint
    is removed at the end.

    Args:
        settings: from `read_pretraining`.
        stores: cuboids per brain. All candidates are used; what they are labelled is not known
            here.
        checkpoint: a file for this pre-training alone.

    Raises:
        InputError: settings, stores or a device that cannot be used, or a loss that is no longer
            finite.
    """
    device, recipe = choose_device(run.device), settings.recipe
    how = {"seed": run.seed, "device": device.type, "threads": run.threads}
    rows = all_candidates(stores)
    data = Cuboids(stores, rows)
    mark = fingerprint({**settings.to_dict(), **how}, rows, stores, run.code_hash)

    def begin() -> BackboneTraining:
        method = _new_method(settings, data)
        move_to_device(method, device)
        normalisation = fit_normalisation(recipe.normalisation, data)
        title = f"pre-training {settings.name}"
        return BackboneTraining(title, Path(files.tensorboard), method, data, normalisation, recipe)

    training = train(begin, (run.seed,), checkpoint, mark, run)
    made = {**how, "brains": sorted(set(rows["brain"]))}
    path = write_backbone(settings, training, made, files)
    checkpoint.unlink(missing_ok=True)
    return path


def all_candidates(stores: Mapping[str, CuboidStore]) -> pd.DataFrame:
    """Return columns brain and candidate for every cuboid; InputError if there are too few."""
    counts = [len(store) for store in stores.values()]
    rows = pd.DataFrame(
        {
            "brain": np.repeat(np.array(list(stores), object), counts),
            "candidate": np.concatenate([np.empty(0, int), *map(np.arange, counts)]),
        }
    )
    if len(rows) < FEWEST_CUBOIDS:
        raise InputError(
            f"there are {len(rows)} cuboids to pre-train on, at least {FEWEST_CUBOIDS} are needed; "
            "give more brains, or check their detection"
        )
    return rows


def _new_method(settings: Pretraining, data: Cuboids) -> Method:
    channels, shape, _ = data.layout
    network = create_model(settings.architecture, channels, shape, **settings.options)
    check_method(settings.method, settings.architecture, network)
    return make_method(settings.method, network, channels, shape, settings.of_method)
