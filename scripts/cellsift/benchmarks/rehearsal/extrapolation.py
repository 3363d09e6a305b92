"""From what a rehearsal took to what a whole brain takes, on one machine and on many."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cellsift.workflow.job import SHARE_FOR_DATA
from cellsift.benchmarks.rehearsal.brain import TILE, brain_shape, unread_brain, voxel_size_of
from cellsift.benchmarks.rehearsal.steps import CUBOID, NAMES, rehearsed_detector
from cellsift.cuboids.extraction import bytes_per_candidate, split_memory
from cellsift.cuboids.passes import COPIES, share_memory
from cellsift.cuboids.resampling import data_size
from cellsift.detection.blocks import filtered_for_one, memory_for, planes_held
from cellsift.detection.contract import Detector
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

WHOLE_BRAIN = 10**11.5
NODES = (1, 10, 100)
# What a shared file system of a cluster gives all nodes together: an assumption.
STORAGE_BYTES_PER_SECOND = 1e9
CHANNELS = 2


@dataclass(frozen=True)
class Growth:
    """How much more work a voxel or candidate is where voxels are finer than the rehearsal's.

    - finer: sides of the rehearsal's voxels in sides of these;
    - overlap: how many more voxels are filtered for one voxel, being in halos of several blocks;
    - part: how many more voxels a cuboid is cut from.
    """

    finer: float
    overlap: float
    part: float

    @classmethod
    def of(cls, rehearsed: Volume, whole: Volume, detector: Detector) -> "Growth":
        """From the rehearsal's brain to another one."""
        halos = [detector.halo(volume.voxel_size) for volume in (rehearsed, whole)]
        filtered = [filtered_for_one(*of) for of in zip((rehearsed, whole), halos, strict=True)]
        parts = [_part_voxels(volume) for volume in (rehearsed, whole)]
        finer = rehearsed.voxel_size[0] / whole.voxel_size[0]
        return cls(finer, filtered[1] / filtered[0], parts[1] / parts[0])

    @property
    def contrast(self) -> float:
        """Of the filters of contrast: their kernels, one for each axis, are so much longer."""
        return self.finer * self.overlap

    @property
    def volume(self) -> float:
        """Of the voxels of a soma."""
        return self.finer**3


@dataclass(frozen=True)
class Work:
    """Seconds of a step as measured, once they are grown: `alone` are those of a single job."""

    shared: float
    alone: float
    bytes_read: float

    def hours(self, factor: float, nodes: int) -> float:
        return (self.shared / nodes + self.alone) * factor / 3600


def extrapolate(
    steps: Mapping[str, dict],
    shape: tuple[int, int, int],
    method: str,
    memory_bytes: int,
    target: float = WHOLE_BRAIN,
) -> dict:
    """Return what `steps` (name to measurement, of a brain of `shape`) took, for `target` voxels.

    The brain is a mouse's, so that more voxels are finer ones: it has as many candidates for a
    voxel, and what depends on the size of a voxel grows by `Growth`. N machines like this one
    share the work, but not what is one job for a brain: gathering what slabs have found, and the
    projections for its page. Nothing is assumed of their starts and waits in a queue, and the
    halos of slabs, which are read and filtered twice, are left out.

    - voxel_size: z, y, x in µm; growth: as in `Growth`;
    - hours: by number of nodes (NODES) and step;
    - nodes_until_storage: by step that reads volumes, the number of nodes that together would
      read more than STORAGE_BYTES_PER_SECOND;
    - plane_bytes: of both channels;
    - halo_planes, slab_planes, detect_bytes: of a slab of detection, and what it holds;
      least_detect_bytes: the same for the thinnest slab that detection accepts;
    - candidates, cuboid_bytes, cuboid_passes through the planes (None: memory_bytes are too few),
      and binds_first, in sentences.
    """
    factor = target / math.prod(shape)
    rehearsed = unread_brain(shape, TILE.voxel_size)
    whole = unread_brain(brain_shape(target), voxel_size_of(target))
    detector = rehearsed_detector(method)
    growth = Growth.of(rehearsed, whole, detector)
    candidates = round(steps["cuboids"]["candidates"] * factor)
    passes = _passes(whole, candidates, memory_bytes)
    apart = detector.measures_contrast_apart
    work = _grown(steps, apart, growth, passes or 1)
    hours = {n: {name: of.hours(factor, n) for name, of in work.items()} for n in NODES}
    storage = {
        name: max(1.0, STORAGE_BYTES_PER_SECOND * (of.shared + of.alone) / of.bytes_read)
        for name, of in work.items()
        if of.bytes_read
    }
    detection = _detection(whole, detector)
    plane_bytes = CHANNELS * whole.shape[1] * whole.shape[2] * whole.dtype.itemsize
    return {
        "voxels": target,
        "voxel_size": list(whole.voxel_size),
        "growth": {"finer": growth.finer, "overlap": growth.overlap, "part": growth.part},
        "candidates": candidates,
        "hours": {str(n): of_steps for n, of_steps in hours.items()},
        "nodes_until_storage": storage,
        "plane_bytes": plane_bytes,
        **detection,
        "cuboid_bytes": steps["cuboids"]["bytes_written"] * factor,
        "cuboid_passes": passes,
        "binds_first": [
            _time(hours[NODES[0]]),
            _alone(hours[NODES[-1]]),
            _storage(storage),
            _memory(detection),
            _cuboids(passes, plane_bytes, memory_bytes),
        ],
    }


def _grown(steps: Mapping[str, dict], apart: bool, growth: Growth, passes: int) -> dict[str, Work]:
    """Each step's work; reading, which generating planes stands for, stays as it was.

    So do a detector's own filters where contrast is measured `apart` from them: of cellfinder's,
    balls of 3 and 5 voxels were seen to take the same time.
    """
    reading = steps["read"]["seconds"]
    detect, cuboids = steps["detect"], steps["cuboids"]
    gathering = detect["gathering_seconds"]
    cutting = max(cuboids["seconds"] - CHANNELS * reading, 0.0)
    times_read, marking, contrast = 1, 0.0, detect["seconds"] - gathering - reading
    if apart:
        contrast = detect["contrast_apart_seconds"] - reading
        times_read = 2
        marking = detect["seconds"] - gathering - contrast - times_read * reading
    return {
        "detect": Work(
            shared=times_read * reading + max(marking, 0) + max(contrast, 0) * growth.contrast,
            alone=gathering * (growth.volume if apart else 1.0),
            bytes_read=steps["read"]["bytes_read"] * times_read,
        ),
        "cuboids": Work(
            shared=passes * CHANNELS * reading + cutting * growth.part,
            alone=0.0,
            bytes_read=cuboids["bytes_read"] * passes,
        ),
        "classify": Work(shared=steps["classify"]["seconds"], alone=0.0, bytes_read=0.0),
        "project": Work(0.0, steps["project"]["seconds"], steps["project"]["bytes_read"]),
    }


def _part_voxels(volume: Volume) -> int:
    z, y, x = data_size(**CUBOID, data_voxel_size=volume.voxel_size)
    return z * y * x


def _passes(whole: Volume, candidates: int, memory_bytes: int) -> int | None:
    """How often cuboids go through the planes, if candidates are equally dense everywhere."""
    size = data_size(**CUBOID, data_voxel_size=whole.voxel_size)
    _, held = split_memory(memory_bytes)
    try:
        _, room = share_memory(held, [whole] * CHANNELS, bytes_per_candidate(size, CHANNELS))
    except InputError:
        return None
    waiting = candidates * size[0] / whole.shape[0]
    return max(1, -int(-waiting // room))


def _detection(whole: Volume, detector: Detector) -> dict:
    halo = detector.halo(whole.voxel_size)[0]
    held, marking = planes_held(whole, halo), detector.memory_for(whole)
    return {
        "halo_planes": halo,
        "slab_planes": held - 2 * halo,
        "detect_bytes": max(memory_for(whole, held, halo), marking),
        "least_detect_bytes": max(memory_for(whole, 3 * halo, halo), marking),
    }


def _time(hours: Mapping[str, float]) -> str:
    slowest = max(hours, key=hours.__getitem__)
    share = hours[slowest] / max(sum(hours.values()), 1e-9)
    return f"On few nodes the time of {NAMES[slowest]}: {share:.0%} of all hours."


def _alone(hours: Mapping[str, float]) -> str:
    slowest = max(hours, key=hours.__getitem__)
    return (
        f"On {NODES[-1]} nodes {NAMES[slowest]}, with {hours[slowest]:.2f} h: gathering and "
        "projections are one job for a brain."
    )


def _storage(nodes: Mapping[str, float]) -> str:
    soonest = min(nodes, key=nodes.__getitem__)
    count = round(nodes[soonest])
    return (
        f"From about {count} node{'s' if count > 1 else ''} on the shared storage: "
        f"{NAMES[soonest]} would read more "
        f"than {STORAGE_BYTES_PER_SECOND / 1e9:g} GB/s (an assumption), and more nodes bring "
        "nothing."
    )


def _memory(detection: Mapping[str, float]) -> str:
    return (
        f"In memory detect: {detection['slab_planes']} planes with a halo of "
        f"{detection['halo_planes']} to each side, their reading and filtering take "
        f"{detection['detect_bytes'] / 1e9:.1f} GB, however many slabs there are. In less memory "
        "it holds fewer planes and filters more of them twice; below "
        f"{detection['least_detect_bytes'] / 1e9:.1f} GB it refuses to. A job gives "
        f"{SHARE_FOR_DATA:.0%} of its mem_mb for that: {_mem_mb(detection['detect_bytes']):,} and "
        f"{_mem_mb(detection['least_detect_bytes']):,}."
    )


def _mem_mb(data_bytes: float) -> int:
    return math.ceil(data_bytes / SHARE_FOR_DATA / 1e6)


def _cuboids(passes: int | None, plane_bytes: int, memory_bytes: int) -> str:
    if passes is None:
        return (
            f"Cuboids do not fit into their {memory_bytes / 1e9:.1f} GB: each plane that is read "
            f"takes {COPIES * plane_bytes / 1e9:.1f} GB. Their hours are those of one pass."
        )
    return (
        f"Cuboids keep to their {memory_bytes / 1e9:.1f} GB, of which each plane that is read "
        f"takes {COPIES * plane_bytes / 1e9:.1f} GB meanwhile; for the candidates that wait for "
        f"planes that is enough in {passes} pass{'es' if passes > 1 else ''} through the planes."
    )
