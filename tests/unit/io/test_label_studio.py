"""Key points of Label Studio become positions in the volume that its images were made of."""

import contextlib
import copy
import json
import random

import numpy as np
import pytest
import tifffile
from fuzzing import FUZZ
from hypothesis import given
from hypothesis import strategies as st
from label_studio_exports import (
    SHAPE,
    annotation,
    choice,
    key_point,
    task,
    write_export,
    write_planes,
)

from cellsift.errors import InputError
from cellsift.io.label_studio import read_export
from cellsift.io.labelled_planes import place_in_volume


@pytest.fixture
def signal(tmp_path):
    return str(write_planes(tmp_path / "signal"))


def placed(path, signal):
    return place_in_volume(read_export(path), path, signal)


def positions(planes) -> list[tuple]:
    rows = [plane.points[["z", "y", "x"]].to_numpy() for plane in planes.annotated]
    return [tuple(map(float, np.round(row, 6))) for part in rows for row in part]


def test_points_lie_at_the_pixel_and_the_plane_in_which_they_were_set(tmp_path, signal):
    points = [key_point(7, 11), key_point(39, 79, "no_cell")]
    path = write_export(tmp_path / "e.json", task(3, annotation(*points)), task(5))
    planes = placed(path, signal)
    assert positions(planes) == [(3, 7, 11), (3, 39, 79)]
    assert planes.annotated[0].points["label"].tolist() == ["cell", "no_cell"]
    assert planes.unannotated == {5: "0a1b2c3d-plane_0005.png"}
    assert planes.doubts == []


def test_a_smaller_picture_of_the_plane_is_scaled_and_that_is_told(tmp_path, signal):
    half = (SHAPE[1] // 2, SHAPE[2] // 2)
    path = write_export(tmp_path / "e.json", task(0, annotation(key_point(3, 5, size=half))))
    planes = placed(path, signal)
    # The middle of a pixel that covers four.
    assert positions(planes) == [(0, 6.5, 10.5)]
    assert "20 × 40 pixels" in planes.doubts[0]
    assert "scaled" in planes.doubts[0]


@pytest.mark.parametrize(
    "image",
    [
        "/data/upload/1/0a1b2c3d-plane_0002.png",
        "/data/local-files/?d=brain%201/plane_0002.png",
        "s3://bucket/brain/plane_0002.jpg",
        "https://example.org/planes/plane_0002.png?X-Amz-Date=1",
        "plane_0002.tif",
    ],
)
def test_an_image_is_the_plane_of_its_name_wherever_it_lies(tmp_path, signal, image):
    path = write_export(tmp_path / "e.json", task(0, annotation(key_point(1, 2)), image=image))
    assert positions(placed(path, signal)) == [(2, 1, 2)]


def test_names_are_compared_as_label_studio_writes_them(tmp_path):
    signal = write_planes(tmp_path / "signal", name="my brain (1) z{:02d}.ome.tif")
    image = "/data/upload/7/0a1b2c3d-my_brain_1_z04.png"
    path = write_export(tmp_path / "e.json", task(0, annotation(key_point(1, 2)), image=image))
    assert positions(placed(path, str(signal))) == [(4, 1, 2)]


def test_a_field_z_names_the_plane_of_a_stack(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", np.zeros(SHAPE, np.uint16))
    named = task(0, annotation(key_point(1, 2)), image="any.png")
    named["data"]["z"] = "4"
    path = write_export(tmp_path / "e.json", named)
    assert positions(placed(path, str(tmp_path / "s.tif"))) == [(4, 1, 2)]
    path = write_export(tmp_path / "none.json", task(0, annotation(key_point(1, 2))))
    with pytest.raises(InputError, match="cannot be told by their names.*field z"):
        placed(path, str(tmp_path / "s.tif"))
    beyond = task(0, annotation(key_point(1, 2)))
    beyond["data"]["z"] = 6
    with pytest.raises(InputError, match="has 6, counted from 0"):
        placed(write_export(tmp_path / "b.json", beyond), str(tmp_path / "s.tif"))


def test_the_only_image_of_a_single_plane_needs_no_name(tmp_path):
    signal = str(write_planes(tmp_path / "signal", (1, *SHAPE[1:])))
    only = task(0, annotation(key_point(1, 2)), image="x.png")
    assert positions(placed(write_export(tmp_path / "e.json", only), signal)) == [(0, 1, 2)]
    two = write_export(tmp_path / "two.json", only, task(1, image="y.png"))
    with pytest.raises(InputError, match="none of its images"):
        placed(two, signal)


def test_all_forms_of_export_give_the_same(tmp_path, signal):
    regions = [key_point(7, 11), key_point(20, 30, "unsure"), choice("sparse")]
    full = task(3, annotation(*regions, by={"id": 4, "email": "anna@lab.org"}))
    (tmp_path / "tasks").mkdir()
    single = {**full["annotations"][0], "task": {"id": 3, "data": full["data"]}}
    (tmp_path / "tasks" / "17").write_text(json.dumps(single))
    least = {
        "id": 3,
        "image": full["data"]["image"],
        "annotator": "anna@lab.org",
        "annotation_id": 9,
        "state": "sparse",
        "kp": [
            region["value"] | {k: region[k] for k in ("original_width", "original_height")}
            for region in regions[:2]
        ],
    }
    (tmp_path / "one.json").write_text(json.dumps(full))
    paths = [
        write_export(tmp_path / "full.json", full),
        tmp_path / "one.json",
        tmp_path / "tasks",
        write_export(tmp_path / "min.json", least),
    ]
    for path in paths:
        (plane,) = placed(path, signal).annotated
        assert (plane.z, plane.annotator, plane.says) == (3, "anna", "sparse")
        assert np.allclose(plane.points[["y", "x"]], [[7, 11], [20, 30]])
        assert plane.points["label"].tolist() == ["cell", "unsure"]


def test_a_label_that_is_a_tag_of_its_own_belongs_to_its_point(tmp_path, signal):
    point = key_point(7, 11)
    place = {key: point["value"][key] for key in ("x", "y", "width")}
    bare = point | {"type": "keypoint", "value": place}
    named = point | {"type": "labels", "value": place | {"labels": ["cell"]}}
    for regions in ((bare, named), (named, bare)):
        path = write_export(tmp_path / "e.json", task(3, annotation(*regions)))
        (plane,) = placed(path, signal).annotated
        assert plane.points["label"].tolist() == ["cell"]


def test_the_last_annotation_of_a_person_counts_and_predictions_do_not(tmp_path, signal):
    old = annotation(key_point(1, 1), updated_at="2026-01-01T10:00:00Z")
    new = annotation(key_point(2, 2), updated_at="2026-01-03T10:00:00Z")
    whole = task(3, new, old)
    whole["predictions"] = [annotation(key_point(9, 9))]
    path = write_export(tmp_path / "e.json", whole)
    assert positions(placed(path, signal)) == [(3, 2, 2)]


def test_annotators_of_one_name_at_two_addresses_are_two(tmp_path, signal):
    several = [annotation(key_point(1, 1), by={"email": f"anna@{lab}.org"}) for lab in "ab"]
    several.append(annotation(key_point(1, 1), by={"email": "ben@a.org"}))
    planes = placed(write_export(tmp_path / "e.json", task(3, *several)), signal)
    names = [plane.annotator for plane in planes.annotated]
    assert sorted(names) == ["anna@a.org", "anna@b.org", "ben"]


def test_what_was_skipped_or_is_a_draft_is_not_annotated(tmp_path, signal):
    skipped = task(1, annotation(key_point(1, 1), was_cancelled=True))
    draft = task(2) | {"drafts": [annotation(key_point(1, 1))]}
    path = write_export(tmp_path / "e.json", skipped, draft)
    planes = placed(path, signal)
    assert [plane.skipped for plane in planes.annotated] == [True]
    assert list(planes.unannotated) == [2]
    assert "1 images have a draft" in planes.doubts[0]


def test_images_of_other_brains_are_passed_over_and_told(tmp_path, signal):
    other = task(0, annotation(key_point(5, 5)), image="/data/upload/1/0a1b2c3d-mouse2_7.png")
    path = write_export(tmp_path / "e.json", task(3, annotation(key_point(1, 1))), other)
    planes = placed(path, signal)
    assert positions(planes) == [(3, 1, 1)]
    assert "0a1b2c3d-mouse2_7.png" in planes.doubts[0]
    with pytest.raises(InputError, match="none of its images"):
        placed(write_export(tmp_path / "o.json", other), signal)


def test_planes_of_two_brains_under_one_name_are_not_mixed(tmp_path, signal):
    local = "/data/local-files/?d={}/plane_0003.png"
    both = [
        task(3, annotation(key_point(1, 1), by=by), image=local.format(brain), number=by)
        for by, brain in enumerate(("mouse1", "mouse2"))
    ]
    with pytest.raises(InputError, match="both taken for plane 3"):
        placed(write_export(tmp_path / "e.json", *both), signal)
    uploads = [
        task(3, annotation(key_point(1, 1)), image=f"/data/upload/1/{n}{n}-plane_0003.png")
        for n in ("0a1b", "9f9f")
    ]
    with pytest.raises(InputError, match="both annotated by 1"):
        placed(write_export(tmp_path / "u.json", *uploads), signal)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (key_point(1, 1, image_rotation=90), "turned by 90 degrees"),
        (key_point(1, 1) | {"type": "rectanglelabels"}, "has rectangles"),
        (key_point(1, 1) | {"value": {"x": 101, "y": 2, "keypointlabels": ["cell"]}}, "0 to 100"),
        (key_point(1, 1) | {"value": {"x": 1, "keypointlabels": ["cell"]}}, "a point at None"),
        (key_point(1, 1) | {"value": {"x": "a", "y": 2, "keypointlabels": ["cell"]}}, "0 to 100"),
        (key_point(1, 1, size=(40, 60)), "40 × 60 pixels.*40 × 80"),
        (key_point(1, 1, size=(80, 40)), "turned by a quarter"),
        (
            key_point(1, 1) | {"value": {"x": 1, "y": 2, "keypointlabels": ["a", "b"]}},
            "labels a, b",
        ),
    ],
)
def test_what_cannot_be_placed_is_refused(tmp_path, signal, region, message):
    path = write_export(tmp_path / "e.json", task(3, annotation(region)))
    with pytest.raises(InputError, match=message):
        placed(path, signal)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not valid JSON"),
        ("[1]", "not an export"),
        ('{"images": [], "annotations": [], "categories": []}', "COCO"),
        ('[{"id": 1, "completions": [], "data": {}}]', "before 1.0"),
        ('[{"id": 1, "annotations": [], "data": {"text": "hello"}}]', "does not name its image"),
        (
            '[{"id": 1, "annotations": [], "data": {"a": "1.png", "b": "2.png"}}]',
            "several images",
        ),
        ('[{"id": 1, "annotations": [3], "data": {"image": "1.png"}}]', "nothing but a number"),
    ],
)
def test_other_files_are_refused_by_what_they_are(tmp_path, content, message):
    path = tmp_path / "e.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_export(path)


GOOD = [
    task(0, annotation(key_point(1, 1), key_point(5, 5, "no_cell"), choice("sparse"))),
    task(3, annotation(key_point(1, 2), by={"id": 2, "email": "b@lab.org"}), annotation()),
    {
        "id": 3,
        "image": "plane_0004.png",
        "annotator": "b@lab.org",
        "annotation_id": 9,
        "kp": [{"x": 1, "y": 2, "keypointlabels": ["cell"], "original_width": 80}],
    },
]
JUNK = [None, True, -1, 3.5, 1e999, "", "cell", "plane_0001.png", [], {}, [1], ["a"], [[]], [None]]
JUNK += [{"id": None}, {"a": [{}]}]


def parts_of(content, path=()):
    """The ways to all parts of a JSON document."""
    if not isinstance(content, dict | list):
        return
    for key, part in content.items() if isinstance(content, dict) else enumerate(content):
        yield (*path, key)
        yield from parts_of(part, (*path, key))


@FUZZ
@given(seed=st.integers(0, 2**32))
def test_whatever_is_in_an_export_it_is_read_or_refused(tmp_path_factory, seed):
    folder, rng = tmp_path_factory.getbasetemp() / "fuzzed_export", random.Random(seed)
    if not folder.exists():
        write_planes(folder)
    content = copy.deepcopy(GOOD)
    for _ in range(rng.randint(1, 3)):
        *way, last = rng.choice(list(parts_of(content)))
        place = content
        for key in way:
            place = place[key]
        place[last] = copy.deepcopy(rng.choice(JUNK))
    path = write_export(folder.with_suffix(".json"), *content)
    with contextlib.suppress(InputError):
        for plane in placed(path, str(folder)).annotated:
            assert 0 <= plane.z < SHAPE[0]
            assert np.isfinite(plane.points[["y", "x"]].to_numpy(float)).all()
