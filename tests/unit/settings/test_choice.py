"""What a search for a detector has chosen, and what a config leaves to it."""

import pytest

from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.project.reading import load_project
from cellsift.settings.brains import Brain
from cellsift.settings.choice import brain_of, cuboid_voxel_size, matching_distance

AUTO = {"arms": ["features"], "detection": {"method": "auto"}}
CHOICE = {
    "detection": {"method": "dog", "soma_diameter": 6.0},
    "matching": {"distance_um": 7.5},
    "cuboid": {"shape": [12, 25, 25], "voxel_size": [4.0, 2.0, 2.0]},
}


def settings_of(config):
    return next(iter(load_project(AUTO | config).brains.values())).settings


def chosen_for(config, tmp_path):
    write_json(CHOICE, tmp_path / "chosen.json")
    brain = next(iter(load_project(AUTO | config).brains.values()))
    content = brain.to_dict(("cuboid", "detection", "matching"), annotation=False)
    return brain_of(content, [tmp_path / "chosen.json"])


def test_what_the_config_leaves_out_follows_the_choice(tmp_path):
    brain = chosen_for({}, tmp_path)
    assert brain.detector == {"method": "dog", "soma_diameter": 6.0}
    assert brain.settings["matching"] == {"distance_um": 7.5}
    assert brain.settings["cuboid"] == {"shape": [12, 25, 25], "voxel_size": [4.0, 2.0, 2.0]}


def test_what_the_config_says_stays(tmp_path):
    cuboid = {"shape": [8, 25, 25], "voxel_size": [6, 1.62, 1.62]}
    brain = chosen_for({"cuboid": cuboid, "matching": {"distance_um": 3}}, tmp_path)
    assert brain.settings["cuboid"] == cuboid
    assert brain.settings["matching"] == {"distance_um": 3}


def test_a_cuboid_of_a_shape_alone_follows_the_soma(tmp_path):
    brain = chosen_for({"cuboid": {"shape": [8, 17, 17]}}, tmp_path)
    assert brain.settings["cuboid"] == {"shape": [8, 17, 17], "voxel_size": [4.0, 2.0, 2.0]}


def test_what_is_kept_of_the_candidates_stays_as_it_was_wished(tmp_path):
    keep = {"recall": 0.9, "candidates_per_cell": 3}
    brain = chosen_for({"detection": {"method": "auto", "keep": keep}}, tmp_path)
    assert brain.settings["detection"]["keep"] == keep | {"carry": True}
    assert "keep" not in brain.detector


def test_without_a_search_a_brain_is_as_the_config_says():
    content = Brain("a", "signal", (5.0, 2.0, 2.0)).to_dict((), annotation=False)
    assert brain_of(content, role="test") == Brain("a", "signal", (5.0, 2.0, 2.0), role="test")


def test_a_search_has_a_wish_where_the_config_has_none():
    wish = {"recall": 0.95, "candidates_per_cell": 4.0, "carry": True}
    assert settings_of({})["detection"]["keep"] == wish
    only_recall = {"detection": {"method": "auto", "keep": {"recall": 0.99}}}
    assert settings_of(only_recall)["detection"]["keep"] == wish | {"recall": 0.99}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"detection": {"method": "auto", "axial_blur": 2}},
            "'auto' has no parameter 'axial_blur'",
        ),
        ({"detection": {"method": "auto", "trials": 2}}, "it must be at least 4"),
        ({"detection": {"method": "auto", "keep": {"contrast": 0.2}}}, "give keep a recall"),
        ({"cuboid": {"voxel_size": None}}, "cuboid.voxel_size: nothing found"),
        ({"matching": {"distance_um": None}}, "matching.distance_um: nothing found"),
        (
            {"brains": {"phantom_a": {"detection": {"soma_diameter": 9}}}},
            "brains, phantom_a, detection: with method auto the detector is the same for all",
        ),
    ],
)
def test_what_a_search_cannot_be_told_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        load_project(AUTO | change)


def test_lengths_follow_the_soma_but_matching_reaches_the_next_plane():
    assert matching_distance(16.0, (5.0, 2.0, 2.0)) == 12.0
    assert matching_distance(8.0, (6.0, 1.62, 1.62)) == 9.0
    shape, sizes = (12, 25, 25), [(5.0, 2.0, 2.0), (5.0, 1.0, 1.0)]
    assert cuboid_voxel_size(10.0, shape, sizes) == (4.0, 2.0, 2.0)
    # Scale does not matter: what is ten times smaller gets lengths ten times smaller.
    assert cuboid_voxel_size(1.0, shape, [(0.5, 0.2, 0.2)]) == pytest.approx((0.4, 0.2, 0.2))
    # Of thick planes at least three are in a cuboid.
    assert cuboid_voxel_size(10.0, shape, [(100.0, 2.0, 2.0)]) == (25.0, 2.0, 2.0)
    assert matching_distance(1.6, (0.5, 0.2, 0.2)) == pytest.approx(1.2)
