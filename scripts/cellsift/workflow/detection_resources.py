"""What a job of detection may use; apart from `job`, as no other job needs detection for it."""

from cellsift.workflow.job import device_of_filters, memory_for_data
from cellsift.detection.resources import Resources, gpu_if_there_is_one


def resources_of(snakemake) -> Resources:
    """The job's threads, its share of its memory, and a GPU if there is one that it may use."""
    return Resources(
        threads=snakemake.threads,
        memory_bytes=memory_for_data(snakemake),
        device=gpu_if_there_is_one(device_of_filters(snakemake)),
    )
