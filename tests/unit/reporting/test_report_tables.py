"""Tables and pieces of the pages, from small made-up figures."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cellsift.inference.ensemble_cost import ensemble_cost
from cellsift.reporting import html, tables


def test_values_without_meaning_are_dashes_not_nan():
    assert tables.interval_text(0.912, 0.88, 0.95) == "0.91 [0.88, 0.95]"
    assert tables.interval_text(float("nan"), 0, 1) == "–"
    assert tables.interval_text(0.5) == "0.50"
    assert tables.difference_text(-0.001, -0.1, 0.2) == "+0.00 [−0.10, +0.20]"
    assert tables.count_text(float("nan")) == "–"


@pytest.mark.parametrize(
    ("sides", "told"),
    [
        ((30, 49.28, 70.4), "30 × 49 × 70 µm"),
        ((4.5, 999.9, 20), "4.5 × 1000 × 20 µm"),
        ((2400, 10_500, 8000), "2.40 × 10.50 × 8.00 mm"),
    ],
)
def test_the_size_of_a_tiny_volume_does_not_read_as_nothing(sides, told):
    assert tables.lengths_text(sides) == told


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        ((0.02, 0.003, 0.03), "+0.020 [+0.003, +0.030]"),
        ((-0.02, -0.03, -0.004), "−0.020 [−0.030, −0.004]"),
        ((0.02, 0.01, 0.03), "+0.02 [+0.01, +0.03]"),
        ((0.02, 0.0, 0.03), "+0.02 [+0.00, +0.03]"),
        ((0.0, -0.02, 0.03), "+0.00 [−0.02, +0.03]"),
    ],
)
def test_a_bound_that_is_not_zero_is_not_shown_as_zero(difference, told):
    assert tables.difference_text(*difference) == told


def test_metric_table_has_a_row_for_each_brain_and_arm_and_keeps_brains_together():
    tidy = pd.DataFrame(
        [
            (arm, brain, "test", "locked", metric, 0.5, 0.4, 0.6)
            for arm in ("wide", "narrow")
            for brain in ("b", "a")
            for metric in ("f1", "recall")
            if (arm, brain, metric) != ("narrow", "a", "f1")
        ],
        columns=["arm", "brain", "role", "scores", "metric", "value", "low", "high"],
    )
    table = tables.metric_table(tidy, ("recall", "f1", "brier"))
    assert list(table.columns) == ["brain", "scores", "arm", "recall", "F1"]
    assert table[["brain", "arm"]].to_numpy().tolist() == [
        ["b", "wide"],
        ["b", "narrow"],
        ["a", "wide"],
        ["a", "narrow"],
    ]
    assert table["F1"].tolist() == ["0.50 [0.40, 0.60]"] * 3 + ["–"]


def test_arms_are_told_apart_by_what_differs_from_the_common_recipe():
    shared = {"epochs": 40, "learning_rate": 0.001, "augmentation": {"strength": 1.0}}
    arm = {"architecture": "resnet", "options": {"depth": 18}, "description": "Small."}
    own = {"learning_rate": 0.0001, "augmentation": {"strength": 0.5, "operations": ["flip"]}}
    arms = {
        "small": arm | {"recipe": shared},
        "slow": arm | {"recipe": shared | own, "options": {}, "description": ""},
    }
    table = tables.arm_table(arms, {"folds": 3} | shared)
    assert table.to_numpy().tolist() == [
        ["small", "Small.", "resnet, depth 18", "as for all"],
        [
            "slow",
            "–",
            "resnet",
            "learning_rate 0.0001, augmentation (strength 0.5, operations [flip])",
        ],
    ]


def test_an_ensemble_is_told_by_its_members_and_their_weights():
    arm = {"architecture": "ensemble", "options": {"members": ["a", "b"]}, "description": "Both."}
    model = {"method": "stacking", "members": {"a": 0.913, "b": -0.3}, "intercept": 0.25}
    table = tables.arm_table({"both": arm | {"recipe": {}}}, {"epochs": 3}, {"both": model})
    words = "ensemble, stacking: a × 0.91 + b × \N{MINUS SIGN}0.30 + 0.25"
    assert table.to_numpy().tolist() == [["both", "Both.", words, "none of its own"]]
    mean = {"method": "mean", "members": {"a": 0.5, "b": 0.5}, "intercept": 0.0}
    assert tables.ensemble_text(mean) == "ensemble, mean: a × 0.50 + b × 0.50"


def test_costs_are_shown_in_units_that_people_read():
    cost = pd.DataFrame(
        {
            "arm": ["wide", "narrow"],
            "parameters": [33_000_000, 5],
            "flops_per_cuboid": [2.5e9, 1e6],
            "peak_memory_mb": [911.0, np.nan],
            "training_seconds_per_epoch": [6.0, 1.0],
            "training_epochs": [30, 30],
        }
    )
    wide = tables.cost_table(cost).iloc[0]
    assert wide["parameters"] == "33\u202f000\u202f000"
    assert wide["GFLOP per cuboid"] == "2.500"
    assert wide["peak memory, GB"] == "0.911"
    assert wide["training, minutes"] == "3.00"
    assert "cuboids per second" not in wide
    assert tables.cost_table(pd.DataFrame(columns=["arm"])).empty


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([2.5, 0.0012], ["2.500", "0.001"]),
        ([31250.4, 5.34, 0.0], ["31\u202f250", "5", "0"]),
        ([93.02, 7.5, np.nan], ["93.0", "7.5", "–"]),
    ],
)
def test_numbers_of_a_column_have_as_many_decimals(values, shown):
    cost = pd.DataFrame({"arm": list("abc")[: len(values)], "cuboids_per_second": values})
    assert tables.cost_table(cost)["cuboids per second"].tolist() == shown


def test_the_cost_of_an_ensemble_is_that_of_its_members():
    one = {
        "device": "cpu",
        "threads": 2,
        "parameters": 100,
        "flops_per_cuboid": 3_000_000,
        "cuboids_per_second": 30.0,
        "peak_memory_mb": 900.0,
        "training_seconds_per_epoch": 6.0,
        "training_epochs": 20,
    }
    two = one | {"parameters": 7, "cuboids_per_second": 60.0, "peak_memory_mb": 800.0}
    both = ensemble_cost([one, two | {"training_epochs": 10}])
    assert both["parameters"] == 107
    assert both["flops_per_cuboid"] == 6_000_000
    assert both["cuboids_per_second"] == 20.0
    assert both["peak_memory_mb"] == 900.0
    assert (both["device"], both["threads"]) == ("cpu", 2)
    rows = [{"arm": "one", **one}, {"arm": "both", **both}]
    shown = tables.cost_table(pd.DataFrame(rows)).set_index("arm")
    assert shown.loc["both", "training, minutes"] == "3.00"
    assert shown.loc["one", "training, minutes"] == "2.00"
    assert shown.loc["both", "epochs, all folds"] == "–"
    assert ensemble_cost([one, two | {"cuboids_per_second": 0.0}])["cuboids_per_second"] == 0
    other = ensemble_cost([one, two | {"device": "a GPU", "threads": 1}])
    assert (other["device"], other["threads"]) == ("cpu, a GPU", None)
    assert ensemble_cost([one, two | {"training_seconds_per_epoch": None}])["training_seconds"] is (
        None
    )


def test_a_picture_keeps_to_its_share_of_the_page(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)
    picture = Image.fromarray(voxels.repeat(30, 0).repeat(30, 1))
    picture.save(tmp_path / "montage.png")
    sizes, widths = [], []
    for most in (10_000_000, 200_000, 50_000):
        shown = html.picture_file(tmp_path / "montage.png", "caption", "voxels", most)
        content = base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1])
        with Image.open(io.BytesIO(content)) as decoded:
            assert decoded.width / decoded.height == pytest.approx(40 / 60, abs=0.01)
        sizes.append(len(shown))
        widths.append(re.search(r"width=\"(\d+)\"", shown)[1])
        assert len(shown) < most + 500
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(widths)) == 1


def test_names_cannot_break_out_of_the_page():
    table = html.table(pd.DataFrame({"arm": ["<script>alert(1)</script>"]}), "a & b")
    picture = html.figure(Figure(figsize=(1, 1)), "<b>", '"onload="')
    assert "<script>" not in table
    assert "a &amp; b" in table
    assert "<b>" not in picture
    assert '"onload="' not in picture
