"""Adapter of the rule cuboids: cut the cuboid around every candidate of a chunk into a store."""

from cellsift.cuboids.chunks import rows_of_chunk
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.io.tables import read_table
from cellsift.io.volumes import open_channel
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job, memory_for_data
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    brain = Brain.from_dict(snakemake.params.brain)
    signal, background = (open_channel(brain, column) for column in ("signal", "background"))
    positions = read_table(snakemake.input[0])[["z", "y", "x"]].to_numpy()
    chunk, chunks = int(snakemake.wildcards.chunk), int(snakemake.wildcards.chunks)
    store = extract_cuboids(
        signal,
        background,
        positions[rows_of_chunk(len(positions), chunk, chunks)],
        **brain.settings["cuboid"],
        path=snakemake.output[0],
        memory_bytes=memory_for_data(snakemake),
    )
    print(f"{len(store)} cuboids, {store.padded.sum()} of them padded at the volume's border")
