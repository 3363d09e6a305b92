"""Tables, words and figures of the report, from small made-up tables."""

import base64
import io
import re

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cellsift.ensemble_arm import ensemble_cost
from cellsift.errors import InputError
from cellsift.io.volumes import Volume
from cellsift.reporting import graphs, html, maps, scores, tables, thumbnails
from cellsift.reporting.projections import load_projection, project, project_brain
from cellsift.reporting.results import Results
from cellsift.reporting.style import arm_styles
from cellsift.reporting.verdict import verdict_sentences

FLOOR = "brightness threshold"


def drawn(figure: Figure) -> Figure:
    """The figure, after all its parts were laid out and drawn once."""
    figure.canvas.draw()
    return figure


# Words


def write_evaluation(folder, f1, differences=(), role="test", brains=("mouse",), recall=0.9):
    """Tables of an evaluation: F1 by arm, and (arm_a, arm_b, difference, low, high)."""
    names = [*brains, f"all {role} brains"] if len(brains) > 1 else list(brains)
    end = [
        (arm, name, role, "locked", "f1", value, value - 0.05, value + 0.05)
        for arm, value in f1.items()
        for name in names
    ]
    columns = ["arm", "brain", "role", "scores", "metric", "value", "low", "high"]
    compared = [(a, b, names[-1], "f1", *rest) for a, b, *rest in differences]
    found = {
        "end_to_end": pd.DataFrame(end, columns=columns),
        "classification": pd.DataFrame(end, columns=columns),
        "comparison": pd.DataFrame(
            compared, columns=["arm_a", "arm_b", "brain", "metric", "difference", "low", "high"]
        ),
        "detection": pd.DataFrame(
            [(name, role, "recall", recall, recall, recall) for name in names],
            columns=["brain", "role", "metric", "value", "low", "high"],
        ),
    }
    (folder / "evaluation").mkdir()
    for name, table in found.items():
        table.to_csv(folder / "evaluation" / f"{name}.csv", index=False)


def verdict(folder, arms=("wide", "narrow")) -> str:
    return " ".join(verdict_sentences(Results(folder, {"arms": list(arms)})))


def test_verdict_names_the_best_arm_and_says_that_two_arms_can_be_told_apart(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.80, "wide": 0.91}, [("narrow", "wide", -0.1, -0.2, -0.05)]
    )
    said = verdict(tmp_path)
    assert "wide has the highest F1 on the test brain mouse: 0.91 [0.86, 0.96]" in said
    assert "0.10 higher (difference +0.10 [+0.05, +0.20]): the two can be told apart" in said


def test_verdict_admits_that_two_arms_cannot_be_told_apart(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.90, "wide": 0.91}, [("wide", "narrow", 0.01, -0.02, 0.04)]
    )
    assert "cannot be told apart" in verdict(tmp_path)


def test_verdict_does_not_call_what_rounds_to_nothing_higher_or_lower(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.90, "wide": 0.91}, [("wide", "narrow", -0.002, -0.02, 0.01)]
    )
    same = "the F1 of wide is the same to two digits (difference +0.00 [−0.02, +0.01])"
    assert same in verdict(tmp_path)


def test_verdict_says_where_candidates_alone_turn_the_order_round(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.90, "wide": 0.91}, [("wide", "narrow", -0.1, -0.2, -0.05)]
    )
    said = verdict(tmp_path)
    assert "0.10 lower" in said
    assert "the other way round" in said


def test_verdict_does_not_praise_an_arm_that_a_brightness_threshold_equals(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.80, FLOOR: 0.82}, [("wide", FLOOR, -0.02, -0.1, 0.05)])
    said = verdict(tmp_path, ["wide"])
    assert "The one arm compared here, wide" in said
    assert "a network is not shown to be worth its cost" in said
    assert "told apart" not in said


def test_verdict_without_test_brain_warns_that_values_are_too_good(tmp_path):
    write_evaluation(tmp_path, {"narrow": 0.8, "wide": 0.9}, role="train")
    said = verdict(tmp_path)
    assert "no annotated test brain" in said
    assert "the epoch" in said
    assert "too good" in said
    assert "not compared on the same candidates" in said


def test_verdict_over_a_few_test_brains_takes_them_together_and_warns(tmp_path):
    write_evaluation(
        tmp_path,
        {"narrow": 0.8, "wide": 0.9},
        [("narrow", "wide", -0.1, -0.2, -0.01)],
        brains=("a", "b"),
    )
    said = verdict(tmp_path)
    assert "on the 2 test brains together" in said
    assert "With only 2 test brains" in said


def test_verdict_gives_the_limit_that_detection_sets(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.9}, recall=0.24)
    said = verdict(tmp_path, ["wide"])
    assert "What limits the result is detection" in said
    assert "a candidate for 24% of the annotated cells" in said


def test_verdict_where_f1_is_unknown_or_nothing_is_annotated(tmp_path):
    for name, f1 in (("partial", {"wide": np.nan}), ("none", {})):
        (tmp_path / name).mkdir()
        write_evaluation(tmp_path / name, f1)
    assert "F1 cannot be known" in verdict(tmp_path / "partial")
    assert "No brain is annotated" in verdict(tmp_path / "none")


def test_a_missing_or_broken_table_is_named(tmp_path):
    with pytest.raises(InputError, match="roc.csv: there is no such file"):
        Results(tmp_path).evaluation("roc")
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "roc.csv").write_text("")
    with pytest.raises(InputError, match="roc.csv: not readable"):
        Results(tmp_path).evaluation("roc")


def test_folds_by_brain_and_by_block_are_told_apart():
    folds = pd.DataFrame({"brain": ["a", "a", "b", "b"], "fold": [0, 0, 1, 1]})
    assert "have seen other brains only" in tables.folds_sentence(folds)
    folds["fold"] = [0, 1, 0, 1]
    assert "say little about how well a network does on another animal" in tables.folds_sentence(
        folds
    )


# Tables


def test_values_without_meaning_are_dashes_not_nan():
    assert tables.interval_text(0.912, 0.88, 0.95) == "0.91 [0.88, 0.95]"
    assert tables.interval_text(float("nan"), 0, 1) == "–"
    assert tables.interval_text(0.5) == "0.50"
    assert tables.difference_text(-0.001, -0.1, 0.2) == "+0.00 [−0.10, +0.20]"
    assert tables.count_text(float("nan")) == "–"


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
    assert wide["GFLOP per cuboid"] == "2.5"
    assert wide["peak memory, GB"] == "0.911"
    assert wide["training, minutes"] == "3"
    assert "cuboids per second" not in wide
    assert tables.cost_table(pd.DataFrame(columns=["arm"])).empty


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
    assert shown.loc["both", "training, minutes"] == "3"
    assert shown.loc["one", "training, minutes"] == "2"
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


# Projections


def volume(voxels: np.ndarray, depth: int = 3) -> Volume:
    data = da.from_array(voxels, chunks=(depth, -1, -1))
    return Volume(data, (5.0, 2.0, 2.0), "made up")


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60_000, (11, 23, 30), dtype=np.uint16)


def test_projection_is_the_brightest_voxel_however_the_volume_is_chunked(voxels, monkeypatch):
    made = project(volume(voxels))
    np.testing.assert_array_equal(made.top[0], voxels.max(axis=0))
    np.testing.assert_array_equal(made.front[0], voxels.max(axis=1))
    assert made.size_um == (55.0, 46.0, 60.0)
    monkeypatch.setattr("cellsift.io.reading.LARGEST_READ", 2**11)
    for depth in (1, 4, 11):
        again = project(volume(voxels, depth))
        np.testing.assert_array_equal(again.top, made.top)
        np.testing.assert_array_equal(again.front, made.front)


def test_projection_is_read_in_slabs_of_bounded_size(voxels, monkeypatch):
    read = []
    planes = Volume.planes
    monkeypatch.setattr(
        Volume, "planes", lambda self, a, b: read.append(b - a) or planes(self, a, b)
    )
    monkeypatch.setattr("cellsift.io.reading.LARGEST_READ", 2 * voxels[0].nbytes)
    project(volume(voxels, depth=1))
    assert max(read) <= 2
    assert sum(read) == len(voxels)


def test_a_single_bright_voxel_survives_shrinking():
    voxels = np.zeros((7, 50, 61), np.uint16)
    voxels[3, 49, 60] = 900
    made = project(volume(voxels), largest_side=10)
    assert made.bins == (1, 5, 7)
    assert made.top.shape == (1, 10, 9)
    assert made.top[0, -1, -1] == 900
    assert made.front[0, 3, -1] == 900


def test_projection_is_read_back_as_it_was_written(voxels, tmp_path):
    made = project(volume(voxels), volume(voxels // 2))
    project_brain(volume(voxels), volume(voxels // 2), tmp_path / "projection.npz")
    again = load_projection(tmp_path / "projection.npz")
    np.testing.assert_array_equal(again.top, made.top)
    assert again.top.shape == (2, 23, 30)
    assert (again.shape, again.voxel_size, again.bins) == (made.shape, made.voxel_size, made.bins)


def test_other_files_are_no_projections(voxels, tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        load_projection(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", top=np.zeros(3))
    np.savez(
        tmp_path / "code.npz",
        **dict.fromkeys(
            ("top", "front", "shape", "voxel_size", "bins"), np.array([print], dtype=object)
        ),
    )
    for name in ("text", "other", "code"):
        with pytest.raises(InputError, match=f"{name}.npz: not a projection"):
            load_projection(tmp_path / f"{name}.npz")
    with pytest.raises(InputError, match="of the same shape"):
        project(volume(voxels), volume(voxels[1:]))


# What arms think of candidates


@pytest.fixture
def scored() -> dict[str, pd.DataFrame]:
    """Four candidates in a row, 10 voxels apart, scored by two arms."""
    places = pd.DataFrame({"z": 1.0, "y": 2.0, "x": [0.0, 10.0, 20.0, 30.0]})
    scores_of = {"wide": [0.99, 0.52, 0.10, 0.80], "narrow": [0.95, 0.40, 0.05, 0.30]}
    return {
        arm: places.assign(p_cell=p, is_cell=np.array(p) >= 0.5) for arm, p in scores_of.items()
    }


def test_the_most_doubtful_candidate_is_nearest_to_the_thresholds(scored):
    table = scores.most_doubtful(scored, {"wide": 0.5, "narrow": 0.5}, 2)
    assert table["candidate"].tolist() == [1, 3]
    assert table.loc[0, ["x", "wide", "narrow"]].tolist() == [10.0, 0.52, 0.40]
    moved = scores.most_doubtful(scored, {"wide": 0.1, "narrow": 0.05}, 1)
    assert moved["candidate"].tolist() == [2]


def test_errors_that_most_arms_make_come_first(scored):
    labels = pd.Series(["no_cell", "no_cell", "cell", "cell"])
    assert scores.surest_errors(scored, labels, "no_cell", 9)["candidate"].tolist() == [0, 1]
    assert scores.surest_errors(scored, labels, "cell", 9)["candidate"].tolist() == [2, 3]
    ambiguous = pd.Series(["ambiguous"] * 4)
    assert scores.surest_errors(scored, ambiguous, "no_cell", 9).empty


def test_agreement_counts_every_candidate_once(scored):
    row = scores.agreement_table(scored).iloc[0]
    counts = [
        row[name] for name in ("both call a cell", "only the first", "only the second", "neither")
    ]
    assert counts == ["1", "2", "0", "1"]
    assert row["shared among cells"] == "33%"


def test_missed_cells_are_told_apart_by_whether_there_was_a_candidate(scored):
    annotation = pd.DataFrame({"z": 1.0, "y": 2.0, "x": [0.0, 20.0, 90.0]})
    found = scores.outcomes_of(scored["narrow"], (5.0, 2.0, 2.0), annotation, distance_um=4.0)
    outcome = {kind: part["x"].tolist() for kind, part in found.groupby("outcome")}
    assert outcome["hit"] == [0.0]
    assert outcome["not_called"] == [40.0]
    assert outcome["not_proposed"] == [180.0]
    assert outcome["rejected"] == [20.0, 40.0, 60.0]


def test_a_partial_annotation_makes_no_false_alarms(scored):
    annotation = pd.DataFrame({"z": [1.0], "y": [2.0], "x": [0.0]})
    arguments = (scored["wide"], (5.0, 2.0, 2.0), annotation, 4.0)
    assert (scores.outcomes_of(*arguments)["outcome"] == "false_alarm").sum() == 2
    partial = scores.outcomes_of(*arguments, partial=True)["outcome"]
    assert not (partial == "false_alarm").any()
    assert (partial == "cell").sum() == 2


# Figures


def test_arms_differ_in_more_than_colour_and_the_floor_is_grey():
    styles = arm_styles([*"abcde", FLOOR], [FLOOR])
    assert len({style.color for style in styles.values()}) == 6
    assert len({str(style.dashes) for style in styles.values()}) == 6
    assert len({style.marker for style in styles.values()}) == 6
    assert styles[FLOOR].color == "#6B7280"


@pytest.mark.parametrize("brains", [1, 4])
@pytest.mark.parametrize("kind", ["roc", "precision_recall"])
def test_curves_have_a_panel_for_each_brain_and_a_line_for_each_arm(brains, kind):
    curve = pd.DataFrame(
        {"recall": [0, 1.0], "precision": [1, 0.5], "false_positive_rate": [0, 1.0]}
    )
    names = [f"mouse {number}" for number in range(brains)]
    curves = pd.concat([curve.assign(arm=a, brain=b) for a in ("wide", "narrow") for b in names])
    figure = drawn(graphs.draw_curves(curves, kind, arm_styles(["wide", "narrow"]), {}))
    assert [axis.get_title(loc="left") for axis in figure.axes] == names
    lines = {line.get_label() for axis in figure.axes for line in axis.get_lines()}
    assert {"wide", "narrow"} <= lines
    assert all(axis.get_xlabel() for axis in figure.axes)


def test_intervals_leave_out_what_is_unknown():
    tidy = pd.DataFrame(
        {
            "arm": ["wide", "narrow"],
            "brain": "mouse",
            "metric": "f1",
            "value": [0.9, np.nan],
            "low": [0.8, np.nan],
            "high": [1.0, np.nan],
        }
    )
    figure = drawn(graphs.draw_intervals(tidy, "f1", arm_styles(["wide", "narrow"])))
    assert len(figure.axes[0].get_lines()) == 2


def test_loss_marks_the_epoch_whose_weights_are_kept():
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [3, 2, 1.0],
            "validation_loss": [3, 1, 2.0],
            "average_precision": [0.1, 0.9, 0.8],
        }
    )
    figure = drawn(graphs.draw_loss({"wide": {0: history}}))
    mark = next(line for line in figure.axes[0].get_lines() if line.get_marker() == "o")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (2, 1)


def test_confusion_of_an_arm_without_artefacts_can_be_drawn():
    counts = pd.DataFrame(
        {
            "arm": ["wide"],
            "true_positive": [3],
            "false_negative": [1],
            "false_positive": [0],
            "true_negative": [0],
        }
    )
    texts = [text.get_text() for text in drawn(graphs.draw_confusion(counts)).axes[0].texts]
    assert texts == ["3\n75%", "1\n25%", "0\n0%", "0\n0%"]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("resnet_narrow", ["resnet_narrow"]),
        ("efficientnet_attention_narrow", ["efficientnet_", "attention_narrow"]),
        ("x" * 50, ["x" * 20, "x" * 20, "x" * 10]),
    ],
)
def test_long_names_of_arms_are_titles_of_several_lines(name, lines):
    counts = dict.fromkeys(
        ("true_positive", "false_positive", "false_negative", "true_negative"), [3] * 4
    )
    table = pd.DataFrame({"arm": [name, "b", "c", "d"], **counts})
    drawing = drawn(graphs.draw_confusion(table))
    (title,) = drawing.axes[0].findobj(lambda found: getattr(found, "_text", "")[:1] == name[0])
    assert title.get_text().split("\n") == lines
    assert title.get_window_extent().x1 < drawing.axes[1].get_tightbbox().x0


def test_histogram_of_labelled_candidates_keeps_every_candidate(scored):
    labels = pd.Series(["cell", "cell", "no_cell", "ambiguous"])
    for given in (None, labels):
        figure = drawn(scores.draw_histograms(scored, {"wide": 0.5, "narrow": 0.4}, given))
        for axis in figure.axes:
            assert sum(patch.get_data().values.sum() for patch in axis.patches) == 4


def test_maps_of_any_shape_can_be_drawn(scored):
    for shape in ((4, 200, 20), (4, 20, 200), (50, 20, 20)):
        made = project(volume(np.zeros(shape, np.uint16)))
        figure = drawn(maps.draw_projection(made))
        assert figure.get_figwidth() <= 11.01
        found = {arm: scores.outcomes_of(cells, made.voxel_size) for arm, cells in scored.items()}
        assert drawn(maps.draw_outcomes(made, found)).get_figwidth() <= 11.01
        assert drawn(maps.draw_outcomes(made, {"wide": found["wide"].head(0)}))


def test_scale_bars_have_round_lengths():
    lengths = [maps.round_length(most) for most in (0.3, 1, 7, 99, 100, 2600)]
    assert lengths == [0.2, 1, 5, 50, 100, 2000]


def test_thumbnails_show_the_middle_planes_and_all_channels():
    cuboids = np.zeros((1, 2, 9, 4, 6), np.uint16)
    cuboids[0, :, 0] = 500
    assert thumbnails.central_projection(cuboids).max() == 0
    cuboids[0, 1, 4, 2, 3] = 7
    flat = thumbnails.central_projection(cuboids)
    assert flat.shape == (1, 2, 4, 6)
    assert flat[0, 1, 2, 3] == 7
    figure = drawn(thumbnails.draw_thumbnails(np.repeat(cuboids, 9, axis=0), ["x"] * 9, (5, 1, 1)))
    assert sum(bool(axis.get_images()) for axis in figure.axes) == 9
