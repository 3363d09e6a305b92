"""Small made-up cuboids: blobs in the signal alone are cells, in both channels artefacts."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cellsift.cuboids.store import CuboidStore
from cellsift.cuboids.writer import new_store
from cellsift.labels.folds import assign_folds
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe

SHAPE = (8, 16, 16)
VOXEL_SIZE = (5.0, 2.0, 2.0)
EXTENT = (40.0, 32.0, 32.0)


def blobs(is_cell: np.ndarray, seed: int, channels: int = 2, shape=SHAPE) -> np.ndarray:
    """Return noisy uint16 cuboids (n, channel, z, y, x) with a blob in the middle of each."""
    rng = np.random.default_rng(seed)
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, VOXEL_SIZE, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    blob = np.exp(-(z**2 + y**2 + x**2) / (2 * 6.0**2))
    cuboids = rng.poisson(100, (len(is_cell), channels, *shape)).astype(float)
    height = rng.uniform(40, 200, len(is_cell))
    cuboids[:, 0] += height[:, None, None, None] * blob
    if channels == 2:
        cuboids[:, 1] += ((~is_cell) * height)[:, None, None, None] * blob
    return cuboids.astype(np.uint16)


def write_store(path: Path, cuboids: np.ndarray, positions: np.ndarray | None = None):
    """Write cuboids as a store and return it opened; positions default to made-up ones."""
    if positions is None:
        positions = np.random.default_rng(1).uniform(0, 500, (len(cuboids), 3))
    padded = np.zeros(len(cuboids), bool)
    order = np.arange(len(cuboids))
    with new_store(path, positions, padded, order, cuboids.shape[1:], VOXEL_SIZE) as writer:
        writer.append(cuboids)
    return CuboidStore.open(path)


def make_brains(
    folder: Path, names=("one", "two"), count: int = 60, channels: int = 2, shape=SHAPE
):
    """Return stores by brain, and the table of their candidates in two folds.

    Every tenth candidate is ambiguous.
    """
    stores, tables = {}, []
    for seed, name in enumerate(names):
        rng = np.random.default_rng(100 + seed)
        is_cell = rng.permutation(count) < count // 2
        positions = rng.uniform(0, 500, (count, 3))
        stores[name] = write_store(
            folder / f"{name}.zarr", blobs(is_cell, seed, channels, shape), positions
        )
        table = pd.DataFrame(positions * VOXEL_SIZE, columns=["z_um", "y_um", "x_um"])
        label = np.where(is_cell, "cell", "no_cell").astype(object)
        label[::10] = "ambiguous"
        tables.append(table.assign(brain=name, candidate=np.arange(count), label=label))
    return stores, assign_folds(pd.concat(tables, ignore_index=True), 2, EXTENT)


def narrow_arm(**recipe) -> Arm:
    """Return an arm that trains in a second or two on these cuboids."""
    settings = {"epochs": 3, "batch_size": 16, "learning_rate": 0.003} | recipe
    return Arm("narrow", "resnet", {"depth": 18, "width": 4}, Recipe.from_dict(settings))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def structured(count: int, seed: int = 0) -> torch.Tensor:
    """Cuboids with a smooth blob that differs in place and size, and little noise."""
    random = np.random.default_rng(seed)
    axes = [np.arange(n) for n in SHAPE]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    middle = random.uniform(0.3, 0.7, (count, 3, 1, 1, 1)) * np.array(SHAPE).reshape(3, 1, 1, 1)
    width = random.uniform(2, 5, (count, 1, 1, 1))
    blob = np.exp(-(((np.stack([z, y, x]) - middle) ** 2).sum(1)) / (2 * width**2))
    noise = random.normal(0, 0.02, (count, 2, *SHAPE))
    return torch.from_numpy((blob[:, None] + noise) * [[[[[3]]], [[[1]]]]]).float()
