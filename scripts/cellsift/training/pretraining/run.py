"""A pre-training: from the cuboids of many brains, without their labels, to a backbone."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from cellsift.cuboids.batches import Cuboids, fit_normalisation
from cellsift.cuboids.normalisation import Normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference.device import choose_device, place_model, repeatable
from cellsift.io.tables import write_table
from cellsift.models import create_model
from cellsift.models.backbone import head_tensors
from cellsift.models.storage import save_tensors
from cellsift.settings.pretraining import Pretraining
from cellsift.training.augmentation import augment
from cellsift.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from cellsift.training.classification.outputs import DECIMALS, versions
from cellsift.training.optimisation import (
    check_finite,
    even_batches,
    learning_rate_at,
    make_optimiser,
    step,
)
from cellsift.training.pretraining.methods import check_method, make_method
from cellsift.training.progress import Progress
from cellsift.training.seeds import seed_of

logger = logging.getLogger(__name__)

STEM = "backbone"
FEWEST_CUBOIDS = 2
# Less information than this in the teacher's answers, nats: it says the same of everything.
COLLAPSED = 0.05


def pretrain(
    settings: Pretraining,
    stores: Mapping[str, CuboidStore],
    *,
    folder: str | Path,
    checkpoint: str | Path,
    seed: int = 0,
    device: str = "auto",
    threads: int = 1,
    code: str = "",
    progress: bool = True,
    watch: Callable[[float, int], object] | None = None,
    after_epoch: Callable[[int], object] | None = None,
) -> Path:
    """Pre-train a backbone on all cuboids of some brains and return the path of its JSON sidecar.

    After every epoch the state goes to `checkpoint`; a pre-training that was killed goes on from
    there and ends with the weights of an unbroken one. The checkpoint is removed at the end.

    Args:
        settings: from `pretraining_settings.read_pretraining`.
        stores: cuboids per brain. All candidates are used; what they are labelled is not known
            here.
        folder: gets backbone.safetensors, backbone.json, history.csv and the folder tensorboard.
        checkpoint: a file for this pre-training alone.
        seed: the same seed gives the same weights on the same machine and number of threads.
        device: "auto" (a GPU where there is one), "cpu" or "cuda".
        threads: CPU threads of torch.
        code: as of `train_fold`.
        progress: whether to print progress to standard error.
        watch: called with the epochs that are done, also parts of one, and their number at most.
        after_epoch: called with the number of each epoch, after its checkpoint.

    Raises:
        InputError: settings, stores or a device that cannot be used, or a loss that is no longer
            finite.
    """
    place, recipe = choose_device(device), settings.recipe
    run = {"seed": seed, "device": place.type, "threads": threads}
    rows = all_candidates(stores)
    data = Cuboids(stores, rows)
    mark = fingerprint({**settings.to_dict(), **run}, rows, stores, code)
    per_epoch = min(len(data), recipe["cuboids_per_epoch"])
    batches = even_batches(per_epoch, recipe["batch_size"])
    bar = PretrainingProgress(
        f"pre-training {settings.name}",
        recipe["epochs"],
        len(batches),
        Path(folder) / "tensorboard",
        progress,
        watch,
    )
    with repeatable(threads), bar as show:
        torch.manual_seed(seed_of(seed, 0))
        method = _new_method(settings, data)
        place_model(method, place)
        normalisation = fit_normalisation(recipe["normalisation"], data)
        state = State(method, make_optimiser(method, recipe["weight_decay"]))
        if (saved := load_checkpoint(checkpoint, mark)) is not None:
            state.restore(saved)
        show.resume(state.history)
        while len(state.history) < recipe["epochs"]:
            started = time.perf_counter()
            epoch_seed = seed_of(seed, len(state.history) + 1)
            figures = _train_epoch(state, data, batches, recipe, normalisation, epoch_seed, show)
            seconds = time.perf_counter() - started
            state.history.append({"epoch": len(state.history) + 1, **figures, "seconds": seconds})
            save_checkpoint(checkpoint, mark, state.to_dict())
            show.epoch_done(state.history[-1])
            if after_epoch is not None:
                after_epoch(len(state.history))
        path = _write(settings, state, data, rows, normalisation, run, Path(folder))
    Path(checkpoint).unlink(missing_ok=True)
    return path


def all_candidates(stores: Mapping[str, CuboidStore]) -> pd.DataFrame:
    """Return columns brain and candidate for every cuboid; InputError if there are too few."""
    rows = pd.DataFrame(
        {
            "brain": np.repeat(np.array(list(stores), object), [len(s) for s in stores.values()]),
            "candidate": np.concatenate([np.arange(len(s)) for s in stores.values()] or [[]]),
        }
    ).astype({"candidate": int})
    if len(rows) < FEWEST_CUBOIDS:
        raise InputError(
            f"there are {len(rows)} cuboids to pre-train on, at least {FEWEST_CUBOIDS} are needed; "
            "give more brains, or check their detection"
        )
    return rows


@dataclass
class State:
    """What a pre-training needs to go on; every epoch starts from a seed of its own."""

    method: nn.Module
    optimiser: torch.optim.Optimizer
    history: list[dict[str, float]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return tensors, numbers and lists from which `restore` goes on."""
        return {
            "method": self.method.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": self.history,
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Take over what `to_dict` returned."""
        self.method.load_state_dict(content["method"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.history = content["history"]


class PretrainingProgress(Progress):
    """Progress with the figures of a pre-training."""

    def figures(self, row: Mapping[str, float]) -> str:
        return ", ".join(
            f"{name.replace('_', ' ')} {row[name]:.4f}"
            for name in row
            if name not in ("epoch", "learning_rate", "seconds")
        )


def _new_method(settings: Pretraining, data: Cuboids) -> nn.Module:
    channels, shape, _ = data.layout
    network = create_model(settings.architecture, channels, shape, **settings.options)
    check_method(settings.method, settings.architecture, network)
    return make_method(settings.method, network, channels, shape, settings.of_method)


def _train_epoch(
    state: State,
    data: Cuboids,
    batches: list[slice],
    recipe: Mapping[str, Any],
    normalisation: Normalisation,
    seed: int,
    show: Progress,
) -> dict[str, float]:
    """Pass once through the cuboids, or as many of them as the recipe says, in random order."""
    torch.manual_seed(seed)
    device = next(state.method.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    vary = partial(
        augment,
        voxel_size=data.layout[2],
        augmentation=recipe["augmentation"],
        generator=generator,
    )
    order = np.random.default_rng(seed).permutation(len(data))[: batches[-1].stop]
    done, steps = len(state.history) * len(batches), recipe["epochs"] * len(batches)
    total = torch.zeros((), device=device)
    state.method.train()
    for number, batch in enumerate(batches):
        rows = order[batch]
        raw = data.on_device(rows, device)
        view = partial(data.normalised, raw, rows, normalisation, vary)
        rate = learning_rate_at(done + number, steps, recipe["learning_rate"])
        loss_of = partial(state.method.loss, view, generator)
        total += step(state.method, state.optimiser, loss_of, rate) * len(rows)
        state.method.after_step((done + number) / steps)
        show.batch_done()
    loss = float(total) / len(order)
    check_finite(loss, len(state.history) + 1, recipe)
    return {"train_loss": loss, **state.method.figures(), "learning_rate": rate}


def _write(
    settings: Pretraining,
    state: State,
    data: Cuboids,
    rows: pd.DataFrame,
    normalisation: Normalisation,
    run: Mapping[str, Any],
    folder: Path,
) -> Path:
    """Write the history and the backbone; return its JSON's path."""
    last = state.history[-1]
    if last.get("information", 1) < COLLAPSED:
        logger.warning(
            "pre-training %s collapsed: it says the same of all cuboids (information %.4f); set "
            "another learning_rate, more epochs, or a smaller teacher_momentum",
            settings.name,
            last["information"],
        )
    write_table(pd.DataFrame(state.history), folder / "history.csv", DECIMALS)
    channels, shape, voxel_size = data.layout
    network = state.method.network
    of_head = head_tensors(network)
    sidecar = {
        "architecture": settings.architecture,
        "options": dict(settings.options),
        "in_channels": channels,
        "cuboid": {"shape": list(shape), "voxel_size": list(voxel_size)},
        "normalisation": normalisation.to_dict(),
        "pretraining": settings.to_dict(),
        "provenance": {
            **run,
            "brains": sorted(set(rows["brain"])),
            "cuboids": len(rows),
            "epochs": len(state.history),
            "loss": round(last["train_loss"], 6),
            "versions": versions(),
        },
    }
    tensors = {name: t for name, t in network.state_dict().items() if name not in of_head}
    return save_tensors(folder, STEM, tensors, sidecar)
