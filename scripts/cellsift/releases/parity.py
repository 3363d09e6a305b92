"""Made-up cuboids and the logits that a release has to give for them, wherever it is used."""

import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cellsift.calibration.decision import cell_probability
from cellsift.cuboids.store import CuboidStore
from cellsift.cuboids.writer import new_store
from cellsift.errors import InputError
from cellsift.inference.classify import score_store
from cellsift.inference.scoring import Scorer
from cellsift.inference.trained_arm import TrainedArm
from cellsift.interop.onnx_arm import MEDIAN, SPREAD, raw_examples
from cellsift.interop.onnx_export import INPUT
from cellsift.io.axes import Layout

CUBOIDS, LOGITS, P_CELL = "cuboids", "logits", "p_cell"
KEYS = {CUBOIDS, MEDIAN, SPREAD, LOGITS, P_CELL}
COUNT = 8
SEED = 1
# Of logits, relative to those above 1: machines and libraries differ in the last digits.
TOLERANCE = 1e-3


def made_up_cuboids(layout: Layout) -> np.ndarray:
    """Noise with a spot of rising brightness in the middle of the signal, uint16 (8, c, z, y, x).

    Made up, so that no tissue travels with a model.
    """
    channels, shape, _ = layout
    random = np.random.default_rng(SEED)
    axes = [(np.arange(n) - (n - 1) / 2) / max(n / 5, 1) for n in shape]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    spot = np.exp(-(z**2 + y**2 + x**2) / 2)
    cuboids = random.poisson(300, (COUNT, channels, *shape)).astype(float)
    cuboids[:, 0] += np.linspace(0, 1500, COUNT)[:, None, None, None] * spot
    return np.clip(cuboids, 0, 2**16 - 1).astype(np.uint16)


def parity_of(arm: TrainedArm, cuboids: np.ndarray) -> dict[str, np.ndarray]:
    """What an arm makes of cuboids, as of a brain that has no others.

    Gives cuboids, log_median and log_spread (channel,), logits (n, scorers), p_cell (n,).
    """
    with tempfile.TemporaryDirectory() as folder:
        path, count = Path(folder, "cuboids.zarr"), len(cuboids)
        where = np.zeros((count, 3)), np.zeros(count, bool), np.arange(count)
        with new_store(path, *where, cuboids.shape[1:], arm.voxel_size) as writer:
            writer.append(cuboids)
        store = CuboidStore.open(path)
        logits = score_store(arm, store, device="cpu")
    return {
        CUBOIDS: cuboids,
        MEDIAN: np.array(store.log_median, np.float32),
        SPREAD: np.array(store.log_spread, np.float32),
        LOGITS: logits,
        P_CELL: cell_probability(arm.join(logits), arm.temperature),
    }


def write_parity(arm: TrainedArm, path: Path) -> dict[str, np.ndarray]:
    """Write what an arm makes of made-up cuboids as safetensors; return it."""
    parity = parity_of(arm, made_up_cuboids((arm.channels, arm.shape, arm.voxel_size)))
    save_file(parity, path)
    return parity


def check_parity(arm: TrainedArm, path: Path) -> float:
    """Return the largest difference of a logit from what the release says it is.

    Raises InputError if it is more than rounding explains, or for a file that is no parity file.
    """
    wanted = read_parity(path)
    found = parity_of(arm, wanted[CUBOIDS])[LOGITS]
    if found.shape != wanted[LOGITS].shape:
        raise InputError(f"{path}: has logits of other networks than the release's")
    return refuse_difference(found, wanted[LOGITS], f"{path.parent}: on this machine the networks")


def refuse_difference(found: np.ndarray, wanted: np.ndarray, who: str) -> float:
    """Return the largest difference of logits; InputError where it is more than rounding."""
    differences = np.abs(found - wanted)
    if not (differences <= TOLERANCE * np.maximum(1, np.abs(wanted))).all():
        raise InputError(
            f"{who} give logits that differ by up to {np.nanmax(differences):.3g} from those "
            "published; try the versions of torch and cellsift that its card names"
        )
    return float(differences.max(initial=0))


def check_onnx(scorer: Scorer, number: int, parity: dict[str, np.ndarray], path: Path) -> float:
    """Return the largest difference of a fold's ONNX file from torch, by ONNX Runtime.

    Raises InputError where it is more than rounding, or the package onnxruntime is missing.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise InputError(
            "to check ONNX files the package onnxruntime is needed; install cellsift with its "
            "extra `onnx`"
        ) from error
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = onnx_inputs(parity)
    needed = raw_examples([scorer], parity[CUBOIDS].shape[1:])
    (logits,) = session.run(None, {name: given[name] for name in needed})
    return refuse_difference(logits, parity[LOGITS][:, number], f"{path.name}: as ONNX it would")


def onnx_inputs(parity: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parity cuboids as an ONNX file takes them, float32, the statistics for each cuboid."""
    count = len(parity[CUBOIDS])
    return {INPUT: parity[CUBOIDS].astype(np.float32)} | {
        name: np.repeat(parity[name][None].astype(np.float32), count, axis=0)
        for name in (MEDIAN, SPREAD)
    }


def read_parity(path: Path) -> dict[str, np.ndarray]:
    """What `write_parity` wrote; InputError for anything else."""
    try:
        found = load_file(path)
        if set(found) != KEYS or found[CUBOIDS].dtype != np.uint16 or found[CUBOIDS].ndim != 5:
            raise ValueError(f"it has {', '.join(found)}")
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: is no parity file of a release ({error})") from None
    return found
