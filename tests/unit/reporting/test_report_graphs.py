"""What the pages choose and draw, from a few candidates and figures."""

import base64
import io
import re

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from cellsift.io.volumes import Volume
from cellsift.reporting import graphs, html, maps, scores, thumbnails
from cellsift.reporting.projecting import project
from cellsift.reporting.style import arm_styles

BASELINE = "brightness threshold"


def drawn(figure: Figure) -> Figure:
    """The figure, after all its parts were laid out and drawn once."""
    figure.canvas.draw()
    return figure


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


def test_arms_differ_in_more_than_colour_and_the_baseline_is_grey():
    styles = arm_styles([*"abcde", BASELINE], [BASELINE])
    assert len({style.color for style in styles.values()}) == 6
    assert len({str(style.dashes) for style in styles.values()}) == 6
    assert len({style.marker for style in styles.values()}) == 6
    assert styles[BASELINE].color == "#6B7280"


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
    # Of PIP-Net, say, what is trained on is a sum of losses.
    assert figure.axes[0].get_ylabel() == "loss"
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "trained on (the arm's own loss)" in told
    assert "left out (cross-entropy)" in told
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
        made, _ = project(Volume(da.zeros(shape, np.uint16), (5.0, 2.0, 2.0), "made up"))
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


def test_a_figure_becomes_the_picture_that_matplotlib_alone_makes_of_it(monkeypatch):
    """It is drawn once: what `savefig` draws to arrange it changes nothing."""
    curves = pd.DataFrame(
        {"arm": "a", "brain": "b", "recall": [0, 0.5, 1], "false_positive_rate": [0, 0.1, 1]}
    )
    styles = arm_styles(["a"])
    alone = io.BytesIO()
    drawing = graphs.draw_curves(curves, "roc", styles, {})
    drawing.savefig(alone, dpi=html.DPI, facecolor="white", format="png")
    drawing, drawn = graphs.draw_curves(curves, "roc", styles, {}), []
    axis = drawing.axes[0]
    draw = axis.draw
    monkeypatch.setattr(axis, "draw", lambda renderer: drawn.append(1) or draw(renderer))
    # As a user's own settings may say.
    with rc_context({"figure.autolayout": True}):
        shown = html.figure(drawing, "", "")
    assert base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1]) == alone.getvalue()
    assert drawn == [1]
