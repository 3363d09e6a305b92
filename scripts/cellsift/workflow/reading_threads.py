"""In how many threads a job reads volumes; apart from `job`, as most jobs read none."""

import dask
import zarr

from cellsift.io.cores import available_cores


def limit_reading(threads: int) -> None:
    """Let this process read volumes in so many threads at most: those that its job was given.

    Planes and chunks are read by so many of dask, and decoded by so many of zarr, if it is called
    before the first chunk is read.
    """
    threads = available_cores(threads)
    dask.config.set(num_workers=threads)
    zarr.config.set({"threading.max_workers": threads})
