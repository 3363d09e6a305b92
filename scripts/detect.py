"""Adapter of the rule detect: propose candidates in a brain."""

from cellsift.configuration import Brain
from cellsift.detection import detect
from cellsift.io.volumes import open_volume
from cellsift.io.whole import write_table
from cellsift.job import job

with job(snakemake.log[0]):
    brain = Brain.from_dict(snakemake.params.brain)
    volume = open_volume(brain.signal, brain.voxel_size, brain.settings["intensity_range"])
    detection = dict(brain.settings["detection"])
    del detection["keep"]
    candidates = detect(volume, **detection)
    write_table(candidates, snakemake.output[0])
    print(f"{len(candidates)} candidates in {brain.name}")
