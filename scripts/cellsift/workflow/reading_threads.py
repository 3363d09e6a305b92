"""In how many threads a job reads volumes; apart from `job`, as most jobs read none."""

import os
import sys

import dask

from cellsift.io.cores import available_cores


def limit_reading(threads: int) -> None:
    """Let this process read volumes in so many threads at most: those that its job was given.

    Planes and chunks are read by so many of dask, and decoded by so many of zarr, if it is called
    before the first chunk is read.
    """
    threads = available_cores(threads)
    dask.config.set(num_workers=threads)
    # Zarr, which takes long to load and reads one kind of volumes alone, looks here when it is.
    os.environ["ZARR_THREADING__MAX_WORKERS"] = str(threads)
    if zarr := sys.modules.get("zarr"):
        zarr.config.set({"threading.max_workers": threads})
