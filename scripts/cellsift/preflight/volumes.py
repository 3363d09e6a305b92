"""Whether a brain's volumes can be worked on, and what may be wrong with them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np

from cellsift.detection.resources import DRIVER
from cellsift.errors import InputError
from cellsift.io.reading import reads
from cellsift.io.volumes import (
    Volume,
    check_files,
    kind_of,
    list_planes,
    naming_bad_planes,
    open_volume,
    open_voxels,
)
from cellsift.io.voxel_size import check_voxel_size
from cellsift.preflight.chunks import check_chunks, chunk_doubts, naming_absent_chunks
from cellsift.preflight.lists import list_doubts
from cellsift.preflight.naming import naming
from cellsift.preflight.same_channels import content_of, refuse_same_content, refuse_same_path
from cellsift.preflight.tiff_values import check_tiff_values
from cellsift.preflight.voxel_order import order_doubts
from cellsift.settings.brains import Brain
from cellsift.settings.choice import AUTO

if TYPE_CHECKING:
    from cellsift.detection.contract import Detector

# Where along z planes are looked at, as shares of the volume's planes.
LOOKED_AT = (0.1, 0.3, 0.5, 0.7, 0.9)
PERCENTILES = (1, 50, 99.9)
# An intensity_range that leaves fewer grey values than this does not fit the data.
FEWEST_GREY_VALUES = 16
# Chunks that are decoded as often as this on average are worth a warning.
SLOW_DECODING = 2
# One job of detection with more voxels than this may outlast the time that a cluster gives it.
LARGE_SLAB = 2e10


@dataclass(frozen=True)
class Intensities:
    """The distribution of the voxels of a few planes: how often each grey value occurs."""

    counts: np.ndarray

    @property
    def distinct(self) -> int:
        return int(np.count_nonzero(self.counts))

    def percentile(self, percent: float) -> int:
        """The smallest grey value that `percent` of the voxels do not exceed."""
        cumulated = np.cumsum(self.counts)
        return int(np.searchsorted(cumulated, cumulated[-1] * percent / 100))


def check_volumes(brain: Brain, slabs: int = 1) -> dict:
    """What `check_brain` finds in signal and background; `warnings` are sentences for the user."""
    check_voxel_size(brain.voxel_size, f"brain {brain.name}")
    with naming(brain, "background"):
        refuse_same_path(brain)
    signal, found_signal = _check_channel(brain, "signal")
    found: dict = {"brain": brain.name, "signal": found_signal, "background": None}
    if brain.background is not None:
        background, found["background"] = _check_channel(brain, "background")
        with naming(brain, "background"):
            _refuse_unlike(background, signal)
            contents = found["signal"]["content"], found["background"]["content"]
            refuse_same_content(signal, background, contents, _numbers_looked_at(signal))
    with naming(brain, "signal"):
        _refuse_few_planes(signal, _detector(brain))
    return found | {
        "channels": 1 if brain.background is None else 2,
        "device": available_device(),
        "warnings": [
            *(f"brain {brain.name}: {doubt}" for doubt in order_doubts(brain.voxel_size)),
            *_warnings(found),
            *_large_slabs(brain.name, found["signal"]["shape"], slabs),
        ],
    }


def available_device() -> str:
    """Return the name of the GPU that torch finds, or "cpu"; "not known here" without torch.

    Without NVIDIA's driver there is none, and torch, which takes seconds to load, is not asked.
    """
    if not DRIVER.exists():
        return "cpu"
    try:
        import torch
    except ImportError:
        return "not known here"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _warnings(found: dict) -> list[str]:
    """What of `check_brain`'s findings may be wrong with a brain, but need not be."""
    channels = [channel for channel in (found["signal"], found["background"]) if channel]
    doubts = [
        f"brain {found['brain']}: {channel['path']}: {doubt}"
        for channel in channels
        for doubt in channel["doubts"]
    ]
    uncounted = [
        f"brain {found['brain']}: {channel['path']}: the chunks of an OME-Zarr at a URL cannot be "
        "counted, and those that are not there read as empty. Make sure that it was uploaded to "
        "the end."
        for channel in channels
        if channel["kind"] == "ome-zarr" and channel["chunks"] is None
    ]
    deep = [
        f"brain {found['brain']}: {channel['path']}: its chunks are deeper than what is read at "
        f"once, so that detection decodes each {channel['times_decoded']:g} times on average. That "
        "changes no result; written with chunks of fewer planes, the volume is read faster."
        for channel in channels
        if channel["times_decoded"] >= SLOW_DECODING
    ]
    return doubts + uncounted + deep


def _large_slabs(name: str, shape: Sequence[int], slabs: int) -> list[str]:
    """What to divide detection into where a job of it would take very long."""
    voxels = math.prod(shape)
    if voxels <= LARGE_SLAB * slabs:
        return []
    return [
        f"brain {name}: {voxels:.3g} voxels in {slabs} job{'s' if slabs > 1 else ''} of detection, "
        "which may take longer than a cluster lets a job run. Set jobs_per_brain: {detection: "
        f"{math.ceil(voxels / LARGE_SLAB)}}} or more in the config; no result depends on it."
    ]


def _check_channel(brain: Brain, column: str) -> tuple[Volume, dict]:
    path = getattr(brain, column)
    intensity_range = brain.settings.get("intensity_range")
    with naming(brain, column):
        volume = open_volume(path, **brain.reading)
        chunks = check_chunks(path)
        pages = check_files(path) if chunks is None else None
        voxels = open_voxels(path)
        with naming_absent_chunks(chunks):
            if voxels.dtype.kind == "f":
                _refuse_not_finite(path, voxels)
            planes = _planes_looked_at(volume)
            intensities = _intensities(planes)
            _refuse_constant(volume, intensities, column)
            if intensity_range is not None and voxels.dtype != volume.dtype:
                _refuse_few_grey_values(volume, intensities, intensity_range)
        doubts = chunk_doubts(path, volume, chunks, planes if intensities.counts[0] else {}, pages)
        doubts += check_tiff_values(path, intensities) + list_doubts(path)
        if column == "signal" and (detector := _detector(brain)):
            doubts += detector.doubts(volume, planes)
    found = _described(volume, voxels.dtype, intensities)
    return volume, found | {
        "chunks": None if chunks is None else chunks.files.count,
        "absent_chunks": None if chunks is None else chunks.files.absent,
        "doubts": doubts,
    }


def _described(volume: Volume, stored: np.dtype, intensities: Intensities) -> dict:
    """What there is to say of a volume whose voxels are `stored` as this type, ready for JSON."""
    return {
        "path": volume.source,
        "kind": kind_of(volume.source),
        "shape": list(volume.shape),
        "dtype": str(stored),
        "voxel_size_um": list(volume.voxel_size),
        "size_mm": [
            round(planes * size / 1000, 6)
            for planes, size in zip(volume.shape, volume.voxel_size, strict=True)
        ],
        "intensity_percentiles": {
            f"{percent:g}": intensities.percentile(percent) for percent in PERCENTILES
        },
        "times_decoded": _times_decoded(volume),
        "content": content_of(intensities.counts),
    }


def _refuse_not_finite(path: str, voxels: da.Array) -> None:
    """Read all voxels, a few chunks at a time, and refuse the first plane with NaN or infinity."""
    with naming_bad_planes(voxels, path):
        bad = (~da.isfinite(voxels)).any(axis=(1, 2)).compute()
    if bad.any():
        z = int(np.argmax(bad))
        name = f", {list_planes(path)[z]}," if kind_of(path) in ("planes", "list") else ""
        raise InputError(
            f"{path}: plane {z} (counted from 0){name} has voxels that are NaN or infinite, as "
            f"have {int(bad.sum()) - 1} more planes. Replace these voxels, by the darkest "
            "intensity say."
        )


def _planes_looked_at(volume: Volume) -> dict[int, np.ndarray]:
    """A few planes (y, x), spread over the volume, by their number."""
    return {z: volume.planes(z, z + 1)[0] for z in _numbers_looked_at(volume)}


def _numbers_looked_at(volume: Volume) -> list[int]:
    return sorted({int(share * volume.shape[0]) for share in LOOKED_AT})


def _intensities(planes: dict[int, np.ndarray]) -> Intensities:
    most = np.iinfo(next(iter(planes.values())).dtype).max
    counts = np.zeros(most + 1, dtype=np.int64)
    for plane in planes.values():
        counts += np.bincount(plane.ravel(), minlength=len(counts))
    return Intensities(counts)


def _times_decoded(volume: Volume) -> float:
    """How many reads a chunk takes part in, on average, when all planes are gone through once."""
    ends = np.cumsum(volume.data.chunks[0])
    starts, stops = np.array(list(reads(volume, 0, volume.shape[0]))).T
    first, last = (np.searchsorted(ends, z, side="right") for z in (starts, stops - 1))
    return round(float((last - first + 1).sum() / len(ends)), 1)


def _refuse_constant(volume: Volume, intensities: Intensities, column: str) -> None:
    if intensities.distinct > 1:
        return
    # Cells may lie in other planes than the few looked at.
    with naming_bad_planes(volume.data, volume.source):
        low, high = da.compute(volume.data.min(), volume.data.max())
    if low == high:
        advice = " or leave it empty" if column == "background" else ""
        raise InputError(
            f"{volume.source}: all voxels are {low}; there is nothing to see. Give the channel "
            f"with an image{advice}, and check intensity_range if it is set."
        )


def _refuse_few_grey_values(
    volume: Volume, intensities: Intensities, intensity_range: list[float]
) -> None:
    if intensities.distinct < FEWEST_GREY_VALUES:
        low, high = intensities.percentile(0.1), intensities.percentile(99.9)
        raise InputError(
            f"{volume.source}: with intensity_range {list(intensity_range)} only "
            f"{intensities.distinct} grey values are left, from {low} to {high} of 65535. Set "
            "intensity_range to about the lowest and the highest intensity of the data."
        )


def _refuse_unlike(background: Volume, signal: Volume) -> None:
    if background.shape != signal.shape:
        raise InputError(
            f"{background.source}: shape (z, y, x) {background.shape}, but the signal "
            f"{signal.source} has {signal.shape}. Give both channels of one image, uncropped."
        )


def _detector(brain: Brain) -> "Detector | None":
    """The brain's detector; None where its settings name none, or it has yet to be searched for."""
    from cellsift.detection import create_detector

    settings = brain.settings.get("detection", {})
    if settings.get("method", AUTO) == AUTO:
        return None
    return create_detector(**{key: value for key, value in settings.items() if key != "keep"})


def _refuse_few_planes(signal: Volume, detector: "Detector | None") -> None:
    if detector is None:
        return
    needed, parameter = detector.least_planes(signal.voxel_size)
    if signal.shape[0] < needed:
        raise InputError(
            f"{signal.source}: {signal.shape[0]} planes, but detection with {detector.name} needs "
            f"{needed} planes of {signal.voxel_size[0]:g} µm. Give more planes, or set a smaller "
            f"{parameter} under detection in the config."
        )
