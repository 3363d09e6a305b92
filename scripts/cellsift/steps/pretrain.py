"""A backbone from the cuboids of many brains, without labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.settings.pretraining import Pretraining
from cellsift.training.engine import RunOptions
from cellsift.training.pretraining import run as pretraining
from cellsift.training.pretraining.outputs import BackboneFiles


def pretrain(
    settings: Pretraining,
    cuboids: Mapping[str, Sequence[str | Path]],
    files: BackboneFiles,
    checkpoint: str | Path,
    run: RunOptions,
) -> None:
    """Write backbone and history to `files` (`training.pretraining.run.pretrain`).

    Args:
        cuboids: by brain, its cuboid stores.
        checkpoint: a file for this pre-training alone.

    Raises InputError as that does.
    """
    stores = {brain: CuboidStore.open(paths) for brain, paths in cuboids.items()}
    pretraining.pretrain(settings, stores, files, Path(checkpoint), run)
