"""From what a rehearsal took to what a whole brain takes, on one machine and on many."""

from collections.abc import Mapping

from cellsift.detection.blocks import planes_held
from cellsift.io.passes import COPIES
from cellsift.rehearsal.brain import brain_shape

WHOLE_BRAIN = 10**11.5
NODES = (1, 10, 100)
# What a shared file system of a cluster gives all nodes together: an assumption.
STORAGE_BYTES_PER_SECOND = 1e9
BYTES_PER_VOXEL = 2
CHANNELS = 2


def extrapolate(
    steps: Mapping[str, dict], voxels: int, memory_bytes: int, target: float = WHOLE_BRAIN
) -> dict:
    """Return what `steps` (name to measurement, `voxels` in all) would take for `target` voxels.

    With as many candidates for a voxel, all times grow with the voxels. N machines like this one
    share them, but not what is one job for a brain: gathering what slabs have found, and the
    projections for its page. Nothing is assumed of their starts and waits in a queue, and the
    halos of slabs, which are read and filtered twice, are left out.

    - hours: by number of nodes (NODES) and step;
    - nodes_until_storage: by step that reads volumes, the number of nodes that together would
      read more than STORAGE_BYTES_PER_SECOND;
    - plane_bytes: of both channels;
    - detect_bytes: planes that a slab's detection has to hold at once;
    - candidates, cuboid_bytes, and binds_first, in sentences.
    """
    factor = target / voxels
    work = {name: step for name, step in steps.items() if name != "read"}
    hours = {n: _hours(work, factor, n) for n in NODES}
    storage = {
        name: max(1.0, STORAGE_BYTES_PER_SECOND * step["seconds"] / step["bytes_read"])
        for name, step in work.items()
        if step.get("bytes_read")
    }
    shape = brain_shape(target)
    channel_bytes = shape[1] * shape[2] * BYTES_PER_VOXEL
    plane_bytes = CHANNELS * channel_bytes
    detect_bytes = planes_held(shape, steps["detect"]["halo_planes"]) * channel_bytes
    return {
        "voxels": target,
        "candidates": round(steps["cuboids"]["candidates"] * factor),
        "hours": {str(n): of_steps for n, of_steps in hours.items()},
        "nodes_until_storage": storage,
        "plane_bytes": plane_bytes,
        "detect_bytes": detect_bytes,
        "cuboid_bytes": steps["cuboids"]["bytes_written"] * factor,
        "binds_first": [
            _time(hours[NODES[0]]),
            _alone(hours[NODES[-1]]),
            _storage(storage),
            _memory(detect_bytes, plane_bytes, memory_bytes),
        ],
    }


def _hours(work: Mapping[str, dict], factor: float, nodes: int) -> dict[str, float]:
    hours = {}
    for name, step in work.items():
        alone = step["seconds"] if name == "project" else step.get("gathering_seconds", 0.0)
        shared = step["seconds"] - alone
        hours[name] = (shared / nodes + alone) * factor / 3600
    return hours


def _time(hours: Mapping[str, float]) -> str:
    slowest = max(hours, key=hours.get)
    share = hours[slowest] / max(sum(hours.values()), 1e-9)
    return f"On few nodes the time of {slowest}: {share:.0%} of all hours."


def _alone(hours: Mapping[str, float]) -> str:
    slowest = max(hours, key=hours.get)
    return (
        f"On {NODES[-1]} nodes {slowest}, with {hours[slowest]:.2f} h: gathering and projections "
        "are one job for a brain."
    )


def _storage(nodes: Mapping[str, float]) -> str:
    soonest = min(nodes, key=nodes.get)
    return (
        f"From about {nodes[soonest]:.0f} nodes on the shared storage: {soonest} would read more "
        f"than {STORAGE_BYTES_PER_SECOND / 1e9:g} GB/s (an assumption), and more nodes bring "
        "nothing."
    )


def _memory(detect_bytes: int, plane_bytes: int, memory_bytes: int) -> str:
    return (
        f"In memory detect: a slab with its halo is {detect_bytes / 1e9:.1f} GB of planes, however "
        f"many slabs there are. Cuboids keep to their {memory_bytes / 1e9:.1f} GB, of which each "
        f"plane that is read takes {COPIES * plane_bytes / 1e9:.1f} GB meanwhile."
    )
