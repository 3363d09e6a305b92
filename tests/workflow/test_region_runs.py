"""Counts by region in whole runs: what runs again when regions change, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from html_page import Page

from checkout import HEADER, Checkout

pytestmark = pytest.mark.slow

BRAIN = "mouse_3"
WITH_REGIONS = f"{HEADER}\tregions\tregion_names"
AFTER_REGIONS = {"check_regions", "count", "report_brain", "report_index", "all"}


def give_regions(run: Checkout, numbers: np.ndarray) -> None:
    """Give a brain of a run an image of regions and their names."""
    tifffile.imwrite(run.folder / "regions.tif", numbers, photometric="minisblack")
    (run.folder / "names.csv").write_text("id,name\n1,left\n2,right\n")
    rows = [
        f"{row}\tregions.tif\tnames.csv" if row.startswith(f"{BRAIN}\t") else f"{row}\t\t"
        for row in run.rows
    ]
    (run.folder / "brains.tsv").write_text("\n".join([WITH_REGIONS, *rows]) + "\n")


def halves(run: Checkout) -> np.ndarray:
    planes = sorted((run.folder / "brains" / BRAIN / "signal").iterdir())
    shape = np.array([len(planes), *tifffile.imread(planes[0]).shape]) // 2
    numbers = np.ones(shape, np.uint16)
    numbers[..., shape[2] // 2 :] = 2
    return numbers


@pytest.fixture
def run(finished, tmp_path) -> Checkout:
    return Checkout.copied(finished.folder, tmp_path / "copied")


def test_an_image_of_regions_gives_counts_by_region_and_nothing_else_runs(run):
    give_regions(run, halves(run))
    jobs = run.planned()
    assert {rule for rule, _ in jobs} <= AFTER_REGIONS
    assert {wildcards for rule, wildcards in jobs if rule == "count"} == {f"brain={BRAIN}"}
    code, output = run.run("--cores", "2")
    assert code == 0, output
    table = pd.read_csv(run.results / "brains" / BRAIN / "counts.csv").set_index("region")
    assert list(table.index) == ["all", "left", "right"]
    parts = table.loc[["left", "right"]]
    assert parts["candidates"].sum() == table.at["all", "candidates"]
    assert parts["candidates"].min() > 0
    page = Page(run.results / "reports" / "brains" / f"{BRAIN}.html")
    assert (
        "Number of cells by region with intervals" in page.text or "the regions with" in page.text
    )
    assert run.planned() == []
    # Another name of a region is of no concern to networks, nor to the other brains.
    (run.folder / "names.csv").write_text("id,name\n1,left\n2,right half\n")
    assert {rule for rule, _ in run.planned()} <= AFTER_REGIONS


def test_brightness_given_as_regions_is_refused_and_leaves_the_counts(run):
    counts = run.results / "brains" / BRAIN / "counts.csv"
    before = counts.read_text()
    give_regions(run, halves(run).astype(np.float32))
    code, output = run.run("--cores", "2")
    assert code != 0
    assert f"brain {BRAIN}, regions: regions.tif: its voxels are float32" in output
    assert counts.read_text() == before
