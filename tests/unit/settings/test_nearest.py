"""A misspelt name is answered with the one that was meant, not with a list alone."""

import pytest

from cellsift.errors import InputError
from cellsift.project import arms
from cellsift.project.network_checks import check_networks
from cellsift.project.reading import load_project
from cellsift.settings.config import Config
from cellsift.settings.files import SCHEMAS, read_yaml
from cellsift.settings.nearest import nearest

TABLE = (
    "brain\trole\tsignal\tvoxel_z\tvoxel_y\tvoxel_x\tcells\nmouse_a\ttrain\ta.tif\t5\t2\t2\ta.csv\n"
)


def refusal(folder, **config) -> str:
    (folder / "brains.tsv").write_text(TABLE)
    content = {"brains_table": "brains.tsv", "arms": ["resnet_narrow"]} | config
    with pytest.raises(InputError) as caught:
        load_project(content, folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "meant"),
    [
        ({"detectoin": {}}, "detection"),
        ({"Seed": 3}, "seed"),
        ({"cuboid": {"voxelsize": [5, 2, 2]}}, "voxel_size"),
        ({"training": {"epoch": 3}}, "epochs"),
        ({"detection": {"method": "dog", "soma_diametre": 8}}, "soma_diameter"),
        ({"detection": {"method": "auto", "trails": 8}}, "trials"),
        ({"arms": ["resnet_narow"]}, "resnet_narrow"),
        ({"brains": {"mouse_b": {}}}, "mouse_a"),
    ],
)
def test_the_name_that_was_meant_comes_before_any_list(tmp_path, config, meant):
    said = refusal(tmp_path, **config)
    before, question, after = said.partition(f"did you mean {meant!r}?")
    assert question, said
    assert before.count(",") < 3
    assert after.startswith((" If not: ", " Correct its name"))


def test_an_arm_that_is_like_none_is_answered_with_all_of_them(tmp_path):
    said = refusal(tmp_path, arms=["zzz"])
    assert "did you mean" not in said
    assert "name one of convnext3d, " in said


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        ("architecture: densenet_3d", "densenet3d"),
        ("architecture: resnet\noptions: {dept: 18}", "depth"),
        ("architecture: resnet\ntraining: {epoch: 3}", "epochs"),
        ("architecture: resnet\noption: {depth: 18}", "options"),
    ],
)
def test_the_file_of_an_arm_is_answered_so_too(tmp_path, monkeypatch, content, meant):
    monkeypatch.setattr(arms, "ARMS", tmp_path)
    (tmp_path / "mine.yaml").write_text(content)
    (tmp_path / "brains.tsv").write_text(TABLE)
    with pytest.raises(InputError, match=rf"mine\.yaml: .*did you mean '{meant}'\?"):
        check_networks(load_project({"brains_table": "brains.tsv", "arms": ["mine"]}, tmp_path))


def test_several_misspelt_names_have_one_each():
    assert nearest(["epoch", "fold", "zzz"], ["epochs", "folds", "seed"]) == ["epochs", "folds"]


@pytest.mark.parametrize("place", ["detection", "brains"])
def test_a_parameter_of_another_detector_is_named_as_such(tmp_path, place):
    """As where only the method of the shipped config was changed."""
    foreign = {"n_sds_above_mean_thresh": 3}
    config = {"detection": {"method": "dog"}}
    if place == "detection":
        config["detection"] |= foreign
    else:
        config["brains"] = {"mouse_a": {"detection": foreign}}
    said = refusal(tmp_path, **config)
    assert "'n_sds_above_mean_thresh', which is one of cellfinder; remove it" in said


def test_the_shipped_config_names_the_folder_of_results_that_a_copy_should_change():
    shipped = read_yaml(SCHEMAS.parents[1] / "config" / "config.yaml")
    assert shipped["results"] == Config.model_fields["results"].default
