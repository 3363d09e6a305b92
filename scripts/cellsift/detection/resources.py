"""What detection may use of a machine: threads, memory, and a GPU for its filters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellsift.io.cores import available_cores

if TYPE_CHECKING:
    import torch

# Where NVIDIA's driver tells about itself; without it torch need not be loaded to find no GPU.
DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Resources:
    """What a job of detection may use; its candidates never depend on it.

    - threads: that work at once; None, or more than there are cores: one for each core;
    - memory_bytes: that planes and tiles may take together; None: no bound;
    - device: the GPU that filters of contrast run on; None: they run on the CPU.
    """

    threads: int | None = None
    memory_bytes: int | None = None
    device: torch.device | None = None

    @property
    def workers(self) -> int:
        """How many threads work at once."""
        return available_cores(self.threads)


# All cores, as much memory as it takes, no GPU.
UNLIMITED = Resources()


def gpu_if_there_is_one(device: str = "auto") -> torch.device | None:
    """The GPU that torch finds, None where there is none or `device` is "cpu"."""
    if device == "cpu" or not DRIVER.exists():
        return None
    import torch

    return torch.device("cuda") if torch.cuda.is_available() else None
