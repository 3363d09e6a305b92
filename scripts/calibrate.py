"""Adapter of the rule calibrate: one model out of the folds, with temperature and threshold."""

from pathlib import Path

import pandas as pd

from cellsift.evaluation.calibration import calibrate
from cellsift.io.whole import read_json, read_table, write_json
from cellsift.job import job

with job(snakemake.log[0]):
    scores = pd.concat([read_table(path) for path in snakemake.input.scores])
    calibration = calibrate(scores, snakemake.params.threshold)
    sidecars = [Path(path) for path in snakemake.input.sidecars]
    shared = read_json(sidecars[0])
    keys = ("architecture", "options", "in_channels", "cuboid", "provenance")
    model = {key: shared[key] for key in keys} | {
        "folds": [path.name for path in sidecars],
        "temperature": calibration["temperature"],
        "threshold": calibration["threshold"],
        "calibration": calibration,
    }
    write_json(model, snakemake.output[0])
