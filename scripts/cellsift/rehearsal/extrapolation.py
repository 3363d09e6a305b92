"""From what a rehearsal took to what a whole brain takes, on one machine and on many."""

from collections.abc import Mapping

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

    With as many candidates for a voxel, all times grow with the voxels, and N machines like this
    one share them; nothing is assumed of their starts and waits in a queue.

    - hours: by number of nodes (NODES) and step;
    - nodes_until_storage: by step that reads volumes, the number of nodes that together would
      read more than STORAGE_BYTES_PER_SECOND;
    - plane_bytes: of both channels; planes are what memory has to hold at least;
    - candidates, cuboid_bytes, and binds_first, in sentences.
    """
    factor = target / voxels
    work = {name: step for name, step in steps.items() if name != "read"}
    hours = {name: step["seconds"] * factor / 3600 for name, step in work.items()}
    storage = {
        name: max(1.0, STORAGE_BYTES_PER_SECOND * step["seconds"] / step["bytes_read"])
        for name, step in work.items()
        if step.get("bytes_read")
    }
    _, height, width = brain_shape(target)
    plane_bytes = CHANNELS * height * width * BYTES_PER_VOXEL
    return {
        "voxels": target,
        "candidates": round(steps["cuboids"]["candidates"] * factor),
        "hours": {str(n): {name: one / n for name, one in hours.items()} for n in NODES},
        "nodes_until_storage": storage,
        "plane_bytes": plane_bytes,
        "cuboid_bytes": steps["cuboids"]["bytes_written"] * factor,
        "binds_first": [
            _time(hours),
            _storage(storage),
            _memory(steps["detect"]["peak_memory"], factor, plane_bytes, memory_bytes),
        ],
    }


def _time(hours: Mapping[str, float]) -> str:
    slowest = max(hours, key=hours.get)
    share = hours[slowest] / max(sum(hours.values()), 1e-9)
    return f"On few nodes the time of {slowest}: {share:.0%} of all hours."


def _storage(nodes: Mapping[str, float]) -> str:
    soonest = min(nodes, key=nodes.get)
    return (
        f"From about {nodes[soonest]:.0f} nodes on the shared storage: {soonest} would read more "
        f"than {STORAGE_BYTES_PER_SECOND / 1e9:g} GB/s (an assumption), and more nodes bring "
        "nothing."
    )


def _memory(detect: int, factor: float, plane_bytes: int, memory_bytes: int) -> str:
    return (
        f"In memory detect: it held {detect / 1e9:.1f} GB here, and a plane of the whole brain has "
        f"{factor ** (2 / 3):.1f} times as many voxels. Cuboids keep to their "
        f"{memory_bytes / 1e9:.1f} GB, of which each plane that is read takes "
        f"{COPIES * plane_bytes / 1e9:.1f} GB meanwhile."
    )
