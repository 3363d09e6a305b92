"""The steps sample, suggest_brain and suggest on a small brain, without Snakemake."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.results import AnnotationFolder, BlockFolder, Results
from cellsift.settings.brains import Brain
from cellsift.settings.config import Annotation
from cellsift.steps.cuboids import cuboids
from cellsift.steps.projection import projection
from cellsift.steps.sample import sample
from cellsift.steps.suggest import suggest
from cellsift.steps.suggest_brain import suggest_brain

NAME, ARMS = "mouse_1", ("sharp", "blurred")
SIGNAL, SHAPE = "elsewhere/signal", [28, 150, 180]
WISH = Annotation(candidates=24, blocks=2, block_um=100).to_dict()


@pytest.fixture(scope="module")
def brain(small_brains) -> Brain:
    folder = small_brains / NAME
    settings = {"cuboid": {"shape": [8, 12, 12], "voxel_size": [5, 4, 4]}}
    signal, background = str(folder / "signal"), str(folder / "background")
    return Brain(NAME, signal, (5.0, 2.0, 2.0), "train", background, settings=settings)


@pytest.fixture
def results(tmp_path, brain, small_brains) -> Results:
    """What a run knows of the brain: cells and artefacts, two arms, one wrong annotation."""
    results, random = Results(tmp_path / "results"), np.random.default_rng(1)
    files = results.brain(NAME)
    cells = pd.read_csv(small_brains / NAME / "cells.csv")[["z", "y", "x"]]
    others = random.uniform(0, 1, (60, 3)) * (27, 149, 179)
    candidates = pd.concat([cells, pd.DataFrame(others, columns=list("zyx"))], ignore_index=True)
    candidates = candidates.sort_values(["z", "y", "x"]).round(3)
    is_cell = candidates.index < len(cells)
    candidates = candidates.reset_index(drop=True)
    write_table(candidates.assign(contrast=1.0), files.candidates)
    write_json({"signal": {"shape": SHAPE}}, files.volumes)
    labels = np.where(is_cell, "cell", "no_cell")
    labels[10] = {"cell": "no_cell", "no_cell": "cell"}[labels[10]]
    write_table(candidates.assign(label=labels), files.labels)
    for arm in ARMS:
        p_cell = np.where(is_cell, 0.95, 0.05) + random.normal(0, 0.02, len(is_cell))
        p_cell[10] = 0.999 if is_cell[10] else 0.001
        table = candidates.assign(p_cell=p_cell.clip(0, 1))
        write_table(table.assign(is_cell=table["p_cell"] > 0.5), files.cells(arm))
        write_json({"threshold": 0.5}, results.model(arm).description)
    cuboids(brain, files.candidates, 1, 1, files.cuboids(1, 1), 10**9)
    projection(brain, [files.projection, files.slabs])
    return results


def read(results: Results, annotations, signal: str = SIGNAL) -> dict:
    """Run the step sample; gives where it wrote."""
    files = results.brain(NAME)
    out = {
        "sample": files.sample,
        "blocks": files.sample_blocks,
        "cells": files.sample_block_cells,
        "summary": files.sample_summary,
    }
    brain = Brain(NAME, signal, (5.0, 2.0, 2.0))
    sample(brain, files.candidates, files.volumes, annotations, out, print)
    return out


def suggested(results: Results, brain: Brain, labelled: bool = True, **wish) -> list[str]:
    """Run the steps sample and suggest_brain; gives what is told."""
    annotations = results.path.parent / "annotations" / NAME
    known, files, folder = (
        read(results, annotations, brain.signal),
        results.brain(NAME),
        results.suggestions(NAME),
    )
    told: list[str] = []
    suggest_brain(
        brain,
        {
            "candidates": files.candidates,
            "cells": {arm: files.cells(arm) for arm in ARMS},
            "models": {arm: results.model(arm).description for arm in ARMS},
            "cuboids": [files.cuboids(1, 1)],
            "projection": files.projection,
            "sample": known,
            "labels": files.labels if labelled else None,
        },
        annotations,
        WISH | wish,
        1,
        {
            "table": folder.candidates,
            "xml": folder.candidates_xml,
            "label_studio": folder.label_studio,
            "label_studio_config": folder.label_studio_config,
            "blocks": folder.blocks,
            "block_images": folder.block_images,
            "summary": files.suggested,
        },
        told.append,
    )
    return told


def test_a_wrong_annotation_is_among_what_is_suggested(results, brain):
    assert suggested(results, brain) == []
    table = read_table(results.suggestions(NAME).candidates)
    assert len(table) == 24
    suspect = table[table["why"] == "suspect"]
    if 10 not in set(table.loc[table["why"] == "random", "candidate"]):
        assert list(suspect["candidate"]) == [10]
    assert (table["why"] == "random").sum() == 12


def test_a_brain_without_annotation_has_no_suspects(results, brain):
    suggested(results, brain, labelled=False)
    table = read_table(results.suggestions(NAME).candidates)
    assert len(table) == 24
    assert not (table["why"] == "suspect").any()


def test_blocks_are_cut_out_of_the_brains_own_volume(results, brain, small_brains):
    suggested(results, brain)
    folder = results.suggestions(NAME)
    block = next(read_table(folder.blocks).itertuples())
    image = tifffile.imread(BlockFolder(folder.block_images).image(block.block))
    planes = sorted((small_brains / NAME / "background").glob("*.tif"))
    box = slice(block.y0, block.y1), slice(block.x0, block.x1)
    for z in (block.z0, block.z1 - 1):
        assert (image[z - block.z0, 1] == tifffile.imread(planes[z])[box]).all()


def test_a_list_that_waits_is_handed_out_once_more_and_said_so(results, brain):
    suggested(results, brain)
    before = read_table(results.suggestions(NAME).candidates)
    (told,) = suggested(results, brain, candidates=3)
    assert told.startswith("brain mouse_1: round 1 waits for its first answer in ")
    pd.testing.assert_frame_equal(read_table(results.suggestions(NAME).candidates), before)


def test_answers_are_summed_up_and_the_next_round_goes_on(results, brain):
    suggested(results, brain)
    annotations = results.path.parent / "annotations" / NAME
    table = read_table(results.suggestions(NAME).candidates)
    table.assign(label="no_cell").to_csv(annotations / "mine..anna.csv", index=False)
    assert suggested(results, brain) == []
    assert AnnotationFolder(annotations).rounds() == [1, 2]
    files = results.brain(NAME)
    assert read_json(files.sample_summary)["no_cells"] == 24
    assert set(read_table(files.sample)["author"]) == {"anna"}
    assert read_json(files.suggested)["round"] == 2


def test_the_overview_says_how_much_there_is_and_where_answers_belong(results, brain, tmp_path):
    suggested(results, brain)
    files, told = results.brain(NAME), []
    out = results.suggestions_overview
    suggest([files.suggested], [results.suggestions_page(NAME)], out, told.append, {NAME: []})
    (row,) = read_table(out).to_dict("records")
    assert (row["brain"], row["suggested"], row["random"], row["blocks"]) == (NAME, 24, 12, 2)
    (said,) = told
    assert said.startswith("brain mouse_1: 24 candidates and 2 blocks to annotate, round 1: ")
    assert said.endswith(f"Answers belong in {tmp_path / 'annotations' / NAME}.")


def test_answers_on_a_brain_of_the_same_name_in_another_run_are_refused(results, brain):
    """Two configs in one checkout share the folder annotations."""
    suggested(results, brain)
    annotations = results.path.parent / "annotations" / NAME
    write_json({"signal": {"shape": [28, 150, 181]}}, results.brain(NAME).volumes)
    said = rf"drawn-1\.csv: was drawn in {brain.signal} \(28x150x180 voxels\), and brain mouse_1"
    with pytest.raises(InputError, match=said + r".*\(28x150x181 voxels\).* folder of its own"):
        read(results, annotations)


def test_of_a_volume_that_was_moved_answers_are_read_and_told_of(results, brain, capsys):
    suggested(results, brain)
    annotations = results.path.parent / "annotations" / NAME
    table = read_table(results.suggestions(NAME).candidates)
    table.assign(label="cell").to_csv(annotations / "mine.csv", index=False)
    capsys.readouterr()
    read(results, annotations, brain.signal)
    assert capsys.readouterr().out == ""
    read(results, annotations)
    assert f"and the signal is now {SIGNAL}, of the same size" in capsys.readouterr().out
    assert len(read_table(results.brain(NAME).sample)) == 24


def test_answers_on_another_detection_are_refused_before_anything_is_counted(results, brain):
    suggested(results, brain)
    annotations = results.path.parent / "annotations" / NAME
    table = read_table(results.suggestions(NAME).candidates)
    table.assign(label="cell").to_csv(annotations / "mine.csv", index=False)
    candidates = read_table(results.brain(NAME).candidates)
    write_table(candidates.iloc[:-1], results.brain(NAME).candidates)
    with pytest.raises(InputError, match="round 1 was drawn from"):
        read(results, annotations)


def test_where_answers_will_not_count_it_is_told_what_to_change(results, brain):
    suggested(results, brain)
    told, files = [], results.brain(NAME)
    for wanted in ([], ["predict", NAME]):
        arguments = [files.suggested], [results.suggestions_page(NAME)]
        suggest(*arguments, results.suggestions_overview, told.append, {NAME: wanted})
    assert "will not count" not in told[0]
    change = f"write counts: {{corrected: [predict, {NAME}]}} in the config"
    assert f"They will not count: for that {change}." in told[1]
