"""The files of an explanation: a volume that other tools open, and a picture."""

import numpy as np
import pytest
import tifffile
from synthetic_examples import SHAPE, VOXEL_SIZE, made_up, scores

from cellsift.explain.montage import draw_montage
from cellsift.explain.selection import choose_examples
from cellsift.explain.volume import write_saliency


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_saliency_volume_keeps_values_axes_and_voxel_size(tmp_path, channels, count):
    cuboids, maps = made_up(count, channels)
    path = tmp_path / "saliency.tif"
    write_saliency(path, cuboids, maps, VOXEL_SIZE, [f"example {i}" for i in range(count)])
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej
        axes = tiff.series[0].axes
        data = tiff.asarray().reshape(count, SHAPE[0], channels + 1, *SHAPE[1:])
        metadata = tiff.imagej_metadata
        resolution = [tiff.pages[0].tags[name].value for name in ("XResolution", "YResolution")]
    assert axes == ("TZCYX" if count > 1 else "ZCYX")
    np.testing.assert_array_equal(data[:, :, :channels].swapaxes(1, 2), cuboids)
    np.testing.assert_array_equal(data[:, :, channels], maps)
    assert (metadata["unit"], metadata["spacing"]) == ("um", VOXEL_SIZE[0])
    (x_top, x_bottom), (y_top, y_bottom) = resolution
    assert (x_bottom / x_top, y_bottom / y_top) == pytest.approx((VOXEL_SIZE[2], VOXEL_SIZE[1]))
    assert metadata["Labels"][channels] == "saliency | example 0"


def montage_text(figure) -> str:
    return "\n".join(text.get_text() for holder in [figure, *figure.axes] for text in holder.texts)


@pytest.mark.parametrize("channels", [1, 2])
def test_montage_names_every_group_and_shows_a_background_only_where_there_is_one(channels):
    examples = choose_examples(scores(), 1)
    cuboids, maps = made_up(len(examples), channels)
    figure = draw_montage(examples, cuboids, maps, VOXEL_SIZE, "narrow resnet")
    text = montage_text(figure)
    for words in ("narrow resnet", "rightly called cells", "false positives", "µm", "p(cell)"):
        assert words in text
    assert ("Background" in text) == (channels == 2)
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == len(examples) * (5 if channels == 2 else 4)


@pytest.mark.parametrize(("planes", "views"), [(1, 3), (2, 3), (3, 5)])
def test_montage_shows_thin_cuboids_from_above_only(planes, views):
    examples = choose_examples(scores(), 1)
    cuboids, maps = made_up(len(examples), 2, (planes, 24, 24))
    figure = draw_montage(examples, cuboids, maps, (2.0, 1.0, 1.0))
    text = montage_text(figure)
    assert len([axes for axes in figure.axes if axes.images]) == len(examples) * views
    assert ("from the side" in text) == (views == 5)
    assert ("line of sight" in text) == ("from above" in text) == (planes > 1)


def test_montage_marks_cuboids_that_were_filled_up_at_the_border():
    examples = choose_examples(scores(), 1).assign(padded=[True, False, False, True])
    text = montage_text(draw_montage(examples, *made_up(4, 1), VOXEL_SIZE))
    assert text.count("at the border") == 2


def test_montage_says_where_no_evidence_was_found():
    examples = choose_examples(scores(), 1)
    cuboids, maps = made_up(len(examples), 1)
    maps[0] = 0
    text = montage_text(draw_montage(examples, cuboids, maps, VOXEL_SIZE))
    assert text.count("no evidence found") == 2


def test_montage_pictures_have_one_scale_and_do_not_overlap():
    examples = choose_examples(scores(), 2)
    figure = draw_montage(examples, *made_up(len(examples), 2), VOXEL_SIZE)
    inches = figure.get_size_inches()
    boxes = [axes.get_position() for axes in figure.axes]
    for axes, box in zip(figure.axes, boxes, strict=True):
        if axes.images:
            width, height = abs(np.diff(axes.get_xlim())), abs(np.diff(axes.get_ylim()))
            assert box.width * inches[0] / width == pytest.approx(box.height * inches[1] / height)
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= 1
        assert box.y1 <= 1
        others = [other for other in boxes if other is not box]
        assert not any(box.overlaps(other) for other in others)


def test_montage_says_when_there_are_no_errors_and_when_there_is_nothing():
    table = scores()
    right = table[(table["label"] == "cell") == table["is_cell"]]
    examples = choose_examples(right, 1)
    text = montage_text(draw_montage(examples, *made_up(len(examples), 1), VOXEL_SIZE))
    assert text.count("there are none") == 2
    nothing = examples.iloc[:0]
    assert "no candidates" in montage_text(draw_montage(nothing, *made_up(0, 1), VOXEL_SIZE))
