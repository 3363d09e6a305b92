"""A million candidates go through the steps that hold a whole brain's tables, in bounded memory."""

import math
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass
from unittest.mock import patch

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy.special import expit
from synthetic_results import make_results

from cellsift.benchmarks.rehearsal.measuring import measured
from cellsift.cuboids import extraction
from cellsift.cuboids.chunks import rows_of_chunk
from cellsift.cuboids.extraction import cuboids_at, extract_cuboids
from cellsift.cuboids.passes import plan_passes
from cellsift.cuboids.writer import SHARD_BYTES, StoreWriter
from cellsift.detection import gather
from cellsift.detection.parts import StoredParts, write_parts
from cellsift.evaluation.classification import classification_metrics
from cellsift.evaluation.end_to_end import end_to_end_metrics
from cellsift.inference import classify
from cellsift.inference.trained_arm import TrainedArm
from cellsift.io.cells import write_cells_xml
from cellsift.io.tables import read_table, write_table
from cellsift.io.volumes import Volume
from cellsift.labels.matching import label_candidates
from cellsift.reporting.pages import write_brain
from cellsift.reporting.tables import count_text

pytestmark = pytest.mark.slow

COUNT = 10**6
# A whole brain of 12 x 10 x 7 mm in voxels of 5 x 2 x 2 µm, z, y, x.
EXTENT = (1400, 5000, 6000)
MOST_BYTES = 3 * 2**30
# A row of cells.csv is 33 bytes in memory.
A_FEW_TABLES = 10 * 33 * COUNT
SLABS = 20
JOBS = 10
# Two channels of cellfinder's cuboids.
CUBOID = (2, 20, 50, 50)
TINY = (4, 4, 4)
TEN_MB = 10 * 2**20


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    return made_up_cells()


def made_up_cells() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0, 1, (COUNT, 3)) * EXTENT, columns=["z", "y", "x"])
    table = table.sort_values(["z", "y", "x"], ignore_index=True).round(2)
    p_cell = rng.random(COUNT).round(6)
    return table.assign(p_cell=p_cell, is_cell=p_cell >= 0.5)


def test_a_table_of_a_million_comes_back(cells, tmp_path):
    write_table(cells, tmp_path / "cells.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "cells.csv"), cells)


def test_a_million_markers_come_back_in_bounded_memory(cells, tmp_path):
    path = tmp_path / "cells.xml"
    write_cells_xml(cells, path)
    read = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({MOST_BYTES}, {MOST_BYTES}))\n"
        "import numpy as np\n"
        "from cellsift.io.cells import read_points\n"
        "print(len(read_points(sys.argv[1], 'all')))\n"
        "np.save(sys.argv[2], read_points(sys.argv[1], 'cell').to_numpy())\n"
    )
    command = [sys.executable, "-c", read, path, tmp_path / "cells.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    # A few of so many share a voxel, which is all that an XML keeps: they count once.
    voxels = cells[["z", "y", "x"]].round()
    of_cells = voxels[cells["is_cell"]].drop_duplicates()
    assert COUNT > len(voxels.drop_duplicates()) > 0.9999 * COUNT
    assert done.stdout.split() == [str(len(voxels.drop_duplicates()))], done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "cells.npy"), of_cells.to_numpy())


def test_a_million_candidates_are_matched_and_measured(cells):
    annotated = cells.iloc[::10]
    labelled, summary = label_candidates(cells, annotated, None, (5.0, 2.0, 2.0), 10.0)
    assert summary["candidates"] == COUNT
    assert summary["reached"] == len(annotated)
    assert (labelled["label"].iloc[::10] == "cell").mean() > 0.99
    metrics = classification_metrics(labelled["label"], cells["p_cell"], 0.5, resamples=5)
    metrics = metrics.set_index("metric")["value"]
    assert metrics["recall"] == pytest.approx(0.5, abs=0.01)
    assert metrics["roc_auc"] == pytest.approx(0.5, abs=0.01)


@dataclass(frozen=True)
class Positions:
    """What of a store of cuboids is asked for once they are scored."""

    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)


def classify_in_chunks() -> dict:
    """Scores in JOBS chunks as networks give them, and the cells that they make."""
    positions = made_up_cells()[["z", "y", "x"]].to_numpy()
    store, of_folds = Positions(positions), np.random.default_rng(6).normal(0, 2, (COUNT, 3))
    arm = TrainedArm((), 2, (20, 50, 50), (5.0, 1.0, 1.0), temperature=2.0, threshold=0.5)
    with patch.object(classify, "score_store", lambda *arguments: of_folds[arguments[-1]]):
        chunks = [classify.score_chunk(arm, store, n, JOBS) for n in range(1, JOBS + 1)]
    cells = classify.classify_brain(arm, store, logits=np.concatenate(chunks))
    np.testing.assert_array_equal(cells[["z", "y", "x"]].to_numpy(), positions)
    p_cell = expit(of_folds.mean(axis=1) / arm.temperature)
    np.testing.assert_allclose(cells["p_cell"], p_cell, rtol=0, atol=1e-6)
    return {"cells": len(cells), "chunks": len(chunks)}


def evaluate_end_to_end() -> dict:
    """Half of the candidates are called cells; a tenth of all are annotated."""
    cells = made_up_cells()
    metrics = end_to_end_metrics(cells, cells.iloc[::10], (5.0, 2.0, 2.0), 10.0, resamples=5)
    return metrics.set_index("metric")["value"].to_dict()


def test_the_scores_of_a_million_are_joined_and_classified_in_bounded_memory():
    done = measured(classify_in_chunks)
    assert (done["cells"], done["chunks"]) == (COUNT, JOBS)
    assert done["peak_memory"] - done["memory_before"] < A_FEW_TABLES


def test_a_million_candidates_are_measured_end_to_end_in_bounded_memory():
    found = measured(evaluate_end_to_end)
    assert found["recall"] == pytest.approx(0.5, abs=0.01)
    assert found["precision"] == pytest.approx(0.1, abs=0.01)
    assert found["peak_memory"] - found["memory_before"] < A_FEW_TABLES


def test_a_million_candidates_are_planned_so_that_few_wait(cells):
    starts = cells["z"].to_numpy().astype(int)
    passes = plan_passes(starts, depth=20, capacity=30_000)
    dealt = np.concatenate([group for groups in passes for group in groups])
    assert np.array_equal(np.sort(dealt), np.arange(COUNT))
    assert len(passes) == 1


def test_a_million_candidates_of_many_slabs_are_gathered_in_the_memory_of_a_few_tables(
    cells, tmp_path
):
    positions = cells[["z", "y", "x"]].to_numpy()
    weighted = np.random.default_rng(1).uniform(0, 2, COUNT)
    # All maxima equally bright: the contrast is in proportion to the weighted difference.
    brightness = np.zeros(200, np.int64)
    brightness[0] = 1
    paths = [tmp_path / f"detect-{slab}.npz" for slab in range(SLABS)]
    for path, rows in zip(paths, np.array_split(np.arange(COUNT), SLABS), strict=True):
        blocks = np.array_split(np.random.default_rng(2).permutation(rows), 5)
        parts = (
            {"positions": positions[b], "weighted": weighted[b], "brightness": brightness}
            for b in blocks
        )
        write_parts(parts, path)
    tracemalloc.start()
    table = gather(StoredParts(paths), "dog", minimum_contrast=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * table.to_numpy().nbytes
    order = np.lexsort(positions.T[::-1])
    np.testing.assert_array_equal(table[["z", "y", "x"]].to_numpy(), positions[order])
    np.testing.assert_allclose(table["contrast"], weighted[order])


@pytest.fixture(scope="module")
def volume() -> Volume:
    """A brain's depth of planes, made up as they are read: no two planes are alike."""
    shape = (EXTENT[0], 500, 600)
    plane = np.random.default_rng(3).integers(0, 60_000, shape[1:], dtype=np.uint16)

    def read(block_id):
        return plane[np.newaxis] + np.uint16(block_id[0])

    chunks = ((1,) * shape[0], *((side,) for side in shape[1:]))
    data = da.map_blocks(read, chunks=chunks, dtype=np.uint16, meta=plane[:0, np.newaxis])
    return Volume(data, (5.0, 2.0, 2.0), "made up")


def _positions(volume: Volume, count: int) -> np.ndarray:
    """Whole voxels away from the border, sorted."""
    rng = np.random.default_rng(4)
    positions = np.column_stack([rng.integers(5, side - 5, count) for side in volume.shape])
    return positions[np.lexsort(positions.T[::-1])]


def test_a_million_cuboids_are_cut_out_where_they_belong(volume):
    positions, plane = _positions(volume, COUNT), volume.planes(0, 1)[0]
    for job in range(1, JOBS + 1):
        rows = rows_of_chunk(COUNT, job, JOBS)
        cuboids = cuboids_at(
            volume, None, positions[rows], TINY, volume.voxel_size, memory_bytes=2**27
        )
        z, y, x = positions[rows].T
        np.testing.assert_array_equal(cuboids[:, 0, 2, 2, 2], plane[y, x] + z.astype(np.uint16))


def test_a_store_of_a_million_is_hundreds_of_files(tmp_path):
    """Its layout: zarr takes minutes to write a million cuboids, of whatever size."""
    positions = np.zeros((COUNT, 3))
    padded, order = np.zeros(COUNT, bool), np.arange(COUNT)
    StoreWriter(tmp_path / "1-of-1.zarr", positions, padded, order, CUBOID, (5.0, 1.0, 1.0))
    stored = zarr.open_array(tmp_path / "1-of-1.zarr" / "cuboids", mode="r")
    assert stored.shape == (COUNT, *CUBOID)
    files = math.prod(-(-n // m) for n, m in zip(stored.shape, stored.shards, strict=True))
    others = sum(path.is_file() for path in tmp_path.rglob("*"))
    assert files + others < 1000


def test_a_twentieth_of_a_million_cuboids_are_stored_in_few_files(volume, tmp_path, monkeypatch):
    """As many to a file as of cellfinder's size."""
    share = math.prod(TINY) / math.prod(CUBOID)
    monkeypatch.setattr(extraction, "SHARD_BYTES", int(SHARD_BYTES * share))
    positions = _positions(volume, COUNT // 20)
    path = tmp_path / "1-of-1.zarr"
    store = extract_cuboids(volume, None, positions, TINY, volume.voxel_size, path)
    assert len(store) == len(positions)
    assert sum(file.is_file() for file in path.rglob("*")) < 1000 / 20
    some = np.arange(0, len(positions), 97)
    wanted = cuboids_at(volume, None, positions[some], TINY, volume.voxel_size)
    np.testing.assert_array_equal(store.read(some), wanted)


def test_the_page_of_a_brain_with_a_million_candidates_stays_small(tmp_path):
    made = make_results(tmp_path, roles={"mouse": "train", "full": "predict"}, cells=20)
    folder = made.folder / "brains" / "full"
    rng = np.random.default_rng(5)
    added = pd.DataFrame(rng.uniform(0, 1, (COUNT, 3)) * (35, 149, 209), columns=["z", "y", "x"])
    for arm in made.configuration["arms"]:
        # Pictures are of the most doubtful, which the small brain has cuboids of.
        few = read_table(folder / arm / "cells.csv").assign(p_cell=0.5)
        p_cell = rng.choice([0.1, 0.9], COUNT) + rng.uniform(-0.1, 0.1, COUNT)
        cells = pd.concat([few, added.assign(p_cell=p_cell)], ignore_index=True)
        write_table(cells.assign(is_cell=cells["p_cell"] >= 0.5), folder / arm / "cells.csv")
    page = tmp_path / "full.html"
    write_brain(made.folder, "full", made.information["full"], page, made.configuration)
    assert count_text(len(cells)) in page.read_text(encoding="utf-8")
    assert page.stat().st_size < TEN_MB
