"""Adapter of the rule pretrain: a backbone from the cuboids of many brains, without labels."""

from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.settings.pretraining import Pretraining
from cellsift.training.pretraining.run import pretrain
from cellsift.workflow.job import job, wanted_device
from cellsift.workflow.progress_file import ProgressNotes

with job(snakemake.log[0], snakemake.wildcards):
    folder = Path(snakemake.output.sidecar).parent
    stores = snakemake.params.cuboids
    pretrain(
        Pretraining(**snakemake.params.pretraining),
        {brain: CuboidStore.open(paths) for brain, paths in stores.items()},
        folder=folder,
        # Snakemake removes declared outputs before a job starts; this file has to survive a kill.
        checkpoint=folder.parent / "checkpoints" / f"{folder.name}.pt",
        seed=snakemake.params.seed,
        device=wanted_device(snakemake),
        threads=snakemake.threads,
        code=snakemake.params.code,
        watch=ProgressNotes(snakemake.log[0]).counted("epoch"),
    )
