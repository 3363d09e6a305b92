"""What a model costs: size, arithmetic, speed and memory."""

import resource
import sys
import time
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from cellsift.inference.device import choose_device, move_to_device, repeatable
from cellsift.inference.flops import FlopCounter
from cellsift.inference.scoring import SCORING_BATCH
from cellsift.models import create_model

MEGABYTE = 1e6
# A median over fewer batches, or less time, may change from one measurement to the next.
FEWEST_BATCHES = 3
ENOUGH_BATCHES, ENOUGH_SECONDS = 15, 0.5


def measure_cost(
    architecture: str,
    options: dict[str, Any],
    channels: int,
    cuboid_shape: tuple[int, int, int],
    *,
    history: pd.DataFrame | None = None,
    device: str | torch.device = "auto",
    threads: int = 1,
    seconds: float = 2.0,
) -> dict[str, Any]:
    """Return what an architecture costs on cuboids of a shape (z, y, x), on this machine.

    - device, threads;
    - parameters: trainable ones;
    - flops_per_cuboid: floating-point operations of classifying one, a multiplication with an
      addition counting as two (`FlopCounter`);
    - cuboids_per_second: classified, median of repeated batches, over half a second where
      that is 15 batches, else over at most about `seconds`;
    - peak_memory_mb: of the process so far, or of the GPU's memory on a GPU;
    - training_seconds_per_epoch: median, and training_epochs, if `history` (columns epoch and
      seconds; several folds' may be joined) is given, else None.
    """
    device = choose_device(device)
    with repeatable(threads):
        torch.manual_seed(0)
        model = create_model(architecture, channels, cuboid_shape, **options).eval()
        move_to_device(model, device)
        rate = _cuboids_per_second(model, (channels, *cuboid_shape), device, seconds)
        flops = _flops(model, torch.zeros(1, channels, *cuboid_shape, device=device))
    return {
        "device": _describe(device),
        "threads": threads,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "flops_per_cuboid": flops,
        "cuboids_per_second": round(rate, 1),
        "peak_memory_mb": round(_peak_memory(device) / MEGABYTE, 1),
        "training_seconds_per_epoch": None if history is None else _seconds_per_epoch(history),
        "training_epochs": None if history is None else int(len(history)),
    }


@torch.inference_mode()
def _flops(model: nn.Module, cuboid: torch.Tensor) -> int:
    # Of the ways to compute attention, the counter knows this one on every device.
    with sdpa_kernel(SDPBackend.MATH), FlopCounter() as counter:
        model(cuboid)
    return int(counter.total)


@torch.inference_mode()
def _cuboids_per_second(
    model: nn.Module, size: tuple[int, ...], device: torch.device, seconds: float
) -> float:
    batch = torch.randn(SCORING_BATCH, *size, device=device)
    model(batch)
    times: list[float] = []
    begun = time.perf_counter()
    while not _enough(len(times), time.perf_counter() - begun, seconds):
        started = time.perf_counter()
        # Bringing the result to the CPU waits for the GPU.
        model(batch).cpu()
        times.append(time.perf_counter() - started)
    return SCORING_BATCH / sorted(times)[len(times) // 2]


def _enough(batches: int, seconds: float, most_seconds: float) -> bool:
    if batches >= ENOUGH_BATCHES and seconds >= ENOUGH_SECONDS:
        return True
    return batches >= FEWEST_BATCHES and seconds >= most_seconds


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _seconds_per_epoch(history: pd.DataFrame) -> float:
    return round(float(history["seconds"].median()), 3)


def _describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
