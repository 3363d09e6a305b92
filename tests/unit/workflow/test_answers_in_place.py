"""Answers that were written into the suggestions themselves are not lost."""

from types import SimpleNamespace

import pandas as pd
import pytest

from cellsift.annotation.names import HANDED_OUT
from cellsift.errors import InputError
from cellsift.io.cells import write_cells_xml
from cellsift.results import BlockFolder, Results
from cellsift.workflow.answers_in_place import refuse_to_lose_answers
from cellsift.workflow.run_start import start_run

CELLS = pd.DataFrame({"z": [1], "y": [2], "x": [3], "is_cell": [True]})


@pytest.fixture
def handed_out(tmp_path):
    """Suggestions as they are written; a run has left its mark in the folder of blocks."""
    folder = Results(tmp_path / "results").suggestions("mouse")
    blocks = BlockFolder(folder.block_images)
    blocks.path.mkdir(parents=True)
    (blocks.path / ".snakemake_timestamp").touch()
    folder.candidates.write_text("suggestion,z,y,x,label,author\n1,1,2,3,,\n")
    folder.blocks.write_text("block,z0,done,author\n4,0,,\n")
    blocks.cells(4).write_text("z,y,x\n")
    blocks.image(4).touch()
    write_cells_xml(CELLS, folder.candidates_xml, HANDED_OUT)
    return folder


def test_what_nobody_has_touched_is_written_anew(handed_out, tmp_path):
    refuse_to_lose_answers([handed_out, Results(tmp_path / "other").suggestions("rat")])


@pytest.mark.parametrize("answered", ["candidates", "sheet", "xml", "blocks", "cells", "added"])
def test_what_somebody_has_answered_in_is_not(handed_out, answered):
    blocks = BlockFolder(handed_out.block_images)
    path = {
        "candidates": handed_out.candidates,
        "sheet": handed_out.candidates,
        "xml": handed_out.candidates_xml,
        "blocks": handed_out.blocks,
        "cells": blocks.cells(4),
        "added": blocks.path / "block-4..anna.xml",
    }[answered]
    if answered == "candidates":
        path.write_text("suggestion,z,y,x,label,author\n1,1,2,3,cell,\n")
    elif answered == "sheet":
        path.write_text("suggestion;z;y;x;label;author\n1;1;2;3;cell;\n", "utf-16")
    elif answered == "blocks":
        path.write_text("block,z0,done,author\n4,0,yes,\n")
    elif answered == "cells":
        path.write_text("z,y,x\n1,2,3\n")
    else:
        write_cells_xml(CELLS, path)
    with pytest.raises(InputError, match=r"Move these files to the brain's folder of annotations"):
        refuse_to_lose_answers([handed_out])
    with pytest.raises(InputError, match=path.name):
        refuse_to_lose_answers([handed_out])


def test_a_run_that_would_write_them_does_not_start(handed_out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    handed_out.candidates.write_text("suggestion,label\n1,no_cell\n")
    job = SimpleNamespace(
        rule=SimpleNamespace(name="suggest_brain"), wildcards=SimpleNamespace(brain="mouse")
    )
    dag = SimpleNamespace(needrun_jobs=lambda: [job])
    workflow = SimpleNamespace(dag=dag, local_exec=True)
    with pytest.raises(InputError, match=r"candidates\.csv: somebody has answered"):
        start_run(Results("results"), None, workflow)
