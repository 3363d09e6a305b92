"""The config, the table of brains and the arms: what is accepted, completed and refused."""

import shutil
from pathlib import Path

import pytest
import yaml

from cellsift.errors import InputError
from cellsift.models import list_models
from cellsift.project import arms as arm_reading
from cellsift.project.arms import read_arm
from cellsift.project.network_checks import check_networks
from cellsift.project.reading import load_project, read_project
from cellsift.settings.brains import Brain
from cellsift.settings.files import SCHEMAS

ROW = {
    "brain": "a",
    "role": "train",
    "signal": "a.tif",
    "background": "",
    "voxel_z": "5",
    "voxel_y": "2",
    "voxel_x": "2",
    "cells": "a.csv",
    "non_cells": "",
}
OTHER = ROW | {"brain": "b", "role": "predict", "signal": "b.tif", "cells": ""}
HEADER = list(ROW)
SHIPPED = SCHEMAS.parents[1] / "config"
# What is to be copied has a table of brains that nobody has; it has a test of its own.
CONFIGS = [
    *sorted(path for path in SHIPPED.glob("*.yaml") if path.name != "start.yaml"),
    *sorted(SHIPPED.glob("examples/*/*.yaml")),
]


def write_table(folder: Path, *rows: dict, header=HEADER, separator="\t") -> None:
    lines = [separator.join(header)] + [separator.join(row[c] for c in header) for row in rows]
    (folder / "brains.tsv").write_text("\n".join(lines) + "\n")


def load(folder: Path, *rows: dict, **config):
    write_table(folder, *(rows or [ROW]))
    return load_project({"brains_table": "brains.tsv", "arms": ["resnet_narrow"]} | config, folder)


def test_defaults_are_filled_in(tmp_path):
    project = load(tmp_path)
    assert project.config.cuboid.to_dict() == {"shape": [20, 50, 50], "voxel_size": [5, 1, 1]}
    assert project.config.seed == 1
    assert project.config.training.folds == 3
    assert project.brains["a"].background is None
    assert project.brains["a"].voxel_size == (5.0, 2.0, 2.0)
    assert project.arms["resnet_narrow"].options == {"depth": 18, "width": 16}


def test_arm_inherits_the_shared_recipe(tmp_path):
    project = load(tmp_path, training={"epochs": 7})
    assert project.arms["resnet_narrow"].recipe.epochs == 7


def test_features_are_measured_in_the_cuboids_own_voxels(tmp_path, monkeypatch):
    cuboid = {"voxel_size": [6, 1.62, 1.62]}
    project = load(tmp_path, arms=["features", "resnet_narrow"], cuboid=cuboid)
    assert project.arms["features"].options["z_step"] == pytest.approx(3.7, abs=0.01)
    assert "z_step" not in project.arms["resnet_narrow"].options
    check_networks(project)
    monkeypatch.setattr(arm_reading, "ARMS", tmp_path)
    (tmp_path / "flat.yaml").write_text("architecture: features\noptions: {z_step: 2}\n")
    assert load(tmp_path, arms=["flat"], cuboid=cuboid).arms["flat"].options == {"z_step": 2}


def test_overrides_of_one_brain_leave_the_others_alone(tmp_path):
    project = load(
        tmp_path,
        ROW,
        OTHER,
        brains={
            "b": {
                "detection": {"soma_diameter": 9},
                "intensity_range": [0, 1],
                "voxel_size_in_files": "ignore",
            }
        },
    )
    assert project.brains["b"].settings["detection"]["soma_diameter"] == 9
    assert project.brains["b"].settings["intensity_range"] == [0, 1]
    assert project.brains["a"].settings["detection"]["soma_diameter"] == 16
    assert project.brains["a"].settings["intensity_range"] is None
    assert project.brains["a"].settings["voxel_size_in_files"] == "check"
    assert project.brains["b"].settings["voxel_size_in_files"] == "ignore"


def test_a_brain_survives_as_plain_data(tmp_path):
    brain = load(tmp_path).brains["a"]
    plain = brain.to_dict(["matching"], annotation=True)
    assert Brain.from_dict(plain).cells == "a.csv"
    settings = dict(Brain.from_dict(plain).settings)
    # With an annotation goes what its marks mean.
    assert settings.pop("annotators")["distance_um"] == 10
    assert settings == {"matching": {"distance_um": 10}}
    assert "cells" not in brain.to_dict([], annotation=False)


def test_a_job_that_reads_marks_has_the_matching_distance_as_that_between_annotators(tmp_path):
    brain = load(tmp_path, matching={"distance_um": 20}).brains["a"]
    given = Brain.from_dict(brain.to_dict(["annotators"], annotation=False))
    assert given.annotators["distance_um"] == 20


def test_it_is_known_what_makes_answers_on_a_brain_count(tmp_path):
    """Of a brain that neither its name nor its role makes count."""
    rows = ROW, ROW | {"brain": "b", "role": "predict"}
    project = load(tmp_path, *rows)
    assert ROW["role"] != "predict"
    assert (project.corrected_with("a"), project.corrected_with("b")) == (["predict", "a"], [])
    project = load(tmp_path, *rows, counts={"corrected": ["predict", "a"]})
    assert project.corrected_with("a") == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"cuboids": {}}, "unknown key 'cuboids'"),
        ({"cuboid": {"size": [1, 1, 1]}}, "cuboid: unknown key 'size'"),
        ({"cuboid": {"shape": [20, 50]}}, "cuboid.shape"),
        ({"cuboid": {"shape": [20, 50, 50, 50]}}, "cuboid.shape"),
        ({"cuboid": {"shape": [0, 50, 50]}}, "cuboid.shape.0: 0 is less than the minimum of 1"),
        ({"cuboid": {"shape": [1, 3, 50]}}, "cuboid.shape.1: 3 is less than the minimum of 4"),
        ({"cuboid": {"shape": [1, 50, 2.5]}}, "cuboid.shape.2: 2.5 is not of type 'integer'"),
        ({"matching": {"distance_um": -1}}, "matching.distance_um"),
        ({"detection": {"method": "stardist"}}, "detection.method"),
        ({"detection": {"method": "dog", "ball_z_size": 3}}, "ball_z_size"),
        ({"training": {"epoch": 3}}, "epoch"),
        ({"threshold": {"recall": 2}}, "threshold"),
        ({"brains": {"zzz": {}}}, "'zzz' is not in"),
        ({"brains": {"a": {"role": "test"}}}, "brains.a: unknown key 'role'"),
        ({"brains": {"a": {"detection": {"method": "dog"}}}}, "brains.a.detection"),
        ({"arms": []}, "arms"),
        ({"arms": ["resnet_narow"]}, "no arm 'resnet_narow'"),
        ({"arms": ["../config/arms/resnet_narrow"]}, "arms"),
        ({"arms": ["deit3d", "features"]}, "teacher 'resnet' is not among the arms"),
        ({"arms": ["resnet"], "training": {"teacher": "resnet"}}, "has a teacher itself"),
    ],
)
def test_bad_config_is_refused_with_its_key(tmp_path, config, message):
    with pytest.raises(InputError) as refusal:
        load(tmp_path, **config)
    assert message in str(refusal.value)


NUMBER = "Give the size of a voxel in µm, a number above 0"


@pytest.mark.parametrize(
    ("change", "found", "remedy"),
    [
        ({"role": "validate"}, "role: 'validate' found", "give one of train, test, predict"),
        ({"role": ""}, "role: nothing found", "give one of train, test, predict"),
        ({"signal": ""}, "signal: nothing found", "fill it in (Folder of TIFF planes"),
        ({"voxel_z": ""}, "voxel_z is empty", "What the volume itself says of it"),
        ({"voxel_z": "five"}, "voxel_z is 'five'", "give the voxel size in µm"),
        ({"voxel_z": "0"}, "voxel_z is 0", NUMBER),
        ({"voxel_y": "-2"}, "voxel_y is -2", NUMBER),
        ({"voxel_y": "nan"}, "voxel_y is nan", NUMBER),
        ({"voxel_x": "inf"}, "voxel_x is inf", NUMBER),
        ({"voxel_y": "0.002"}, "voxel_y is 0.002 µm, which looks like millimetres", "Give"),
        ({"voxel_x": "2e-6"}, "voxel_x is 2e-06 µm, which looks like metres", "Give"),
        ({"cells": "", "non_cells": "n.csv"}, "non_cells but no cells", "give its annotated cells"),
    ],
)
def test_bad_row_is_refused_with_file_brain_finding_and_remedy(tmp_path, change, found, remedy):
    with pytest.raises(InputError) as refusal:
        load(tmp_path, ROW, OTHER | change)
    where, said = str(refusal.value).split(": ", 1)
    assert where == f"{tmp_path / 'brains.tsv'}, line 3, brain 'b'"
    assert found in said
    assert remedy in said


@pytest.mark.parametrize(
    ("name", "where", "found"),
    [("../b", ", brain '../b'", "'../b' does not match"), ("", "", "brain: nothing found")],
)
def test_bad_name_is_refused_with_what_a_name_is(tmp_path, name, where, found):
    with pytest.raises(InputError) as refusal:
        load(tmp_path, ROW, OTHER | {"brain": name})
    assert f"brains.tsv, line 3{where}: " in str(refusal.value)
    assert found in str(refusal.value)
    assert "letters, digits, dot, dash and underscore" in str(refusal.value)


@pytest.mark.parametrize("change", [{"cells": ""}, {"role": "test"}, {"role": "predict"}])
def test_table_without_an_annotated_train_brain_is_refused(tmp_path, change):
    with pytest.raises(InputError, match="no brain of role train has annotated cells") as refusal:
        load(tmp_path, ROW | change)
    assert "brains.tsv" in str(refusal.value)
    assert "give at least one train brain a file" in str(refusal.value)


def test_brains_of_one_and_of_two_channels_are_refused_by_name(tmp_path):
    two = {"background": "back.tif"}
    with pytest.raises(InputError, match=r"brains\.tsv: brain 'b' has a background, brain 'a' has"):
        load(tmp_path, ROW, OTHER | two)
    with pytest.raises(InputError, match="brain 'a' has a background.* give 'b' its background"):
        load(tmp_path, ROW | two, OTHER)
    assert len(load(tmp_path, ROW | two, OTHER | two).brains) == 2


@pytest.mark.parametrize("role", ["train", "test"])
@pytest.mark.parametrize("path", ["a.tif", "./x/../a.tif", "{}/a.tif", "link.tif"])
def test_a_signal_that_stands_for_two_brains_is_refused(tmp_path, role, path):
    """A locked test brain under another name could be learnt from."""
    (tmp_path / "link.tif").symlink_to(tmp_path / "a.tif")
    row = OTHER | {"role": role, "signal": path.format(tmp_path)}
    with pytest.raises(InputError, match="brains 'a' and 'b' have the same signal") as refusal:
        load(tmp_path, ROW, row)
    assert "brains.tsv" in str(refusal.value)
    assert "give each brain a volume of its own" in str(refusal.value)


def test_a_volume_may_be_predicted_under_another_name(tmp_path):
    again = OTHER | {"role": "predict", "signal": ROW["signal"]}
    assert len(load(tmp_path, ROW, again).brains) == 2


def test_a_signal_on_a_server_may_not_stand_for_two_brains_either(tmp_path):
    url = "http://localhost/a.zarr"
    with pytest.raises(InputError, match="the same signal"):
        load(tmp_path, ROW | {"signal": url}, OTHER | {"role": "test", "signal": f"{url}/"})


def test_duplicate_brain_names_its_line(tmp_path):
    with pytest.raises(InputError, match=r"line 3.*'a' is there twice"):
        load(tmp_path, ROW, ROW)


def test_spaces_instead_of_tabs(tmp_path):
    write_table(tmp_path, {k: v or "-" for k, v in ROW.items()}, separator="  ")
    with pytest.raises(InputError, match="separate columns by single tabs"):
        load_project({"brains_table": "brains.tsv", "arms": ["resnet_narrow"]}, tmp_path)


def test_a_row_with_a_column_too_few_names_its_line(tmp_path):
    write_table(tmp_path, ROW)
    with (tmp_path / "brains.tsv").open("a") as table:
        table.write("b\ttrain\tb.tif\n")
    found = "line 3, brain 'b': 3 tab-separated columns found, 9 expected"
    with pytest.raises(InputError, match=found):
        load_project({"brains_table": "brains.tsv", "arms": ["resnet_narrow"]}, tmp_path)


def test_unknown_column_is_refused(tmp_path):
    write_table(tmp_path, ROW | {"sex": "f"}, header=[*HEADER, "sex"])
    with pytest.raises(InputError, match="'sex'"):
        load_project({"brains_table": "brains.tsv", "arms": ["resnet_narrow"]}, tmp_path)


def test_missing_table(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.tsv: there is no such table"):
        load_project({"brains_table": "nowhere.tsv", "arms": ["resnet_narrow"]}, tmp_path)


@pytest.mark.parametrize("config", ["arena.yaml", "examples/cfos/arena.yaml"])
def test_an_arena_has_every_architecture(config):
    """Also what pre-training brings to two, and an ensemble of fitted weights beside the mean."""
    arms = [read_arm(name) for name in yaml.safe_load((SHIPPED / config).read_text())["arms"]]
    assert {arm.architecture for arm in arms} == set(list_models())
    assert sum(bool(arm.recipe and arm.recipe.pretraining) for arm in arms) >= 2
    methods = {arm.options.get("method", "mean") for arm in arms if arm.members}
    assert methods == {"mean", "simplex"}


def test_the_demo_shows_six_arms_of_five_architectures_and_an_ensemble():
    names = yaml.safe_load((SHIPPED / "config.yaml").read_text())["arms"]
    architectures = [read_arm(name).architecture for name in names]
    assert len(names) >= 6
    assert len(set(architectures) - {"ensemble"}) >= 5
    assert "ensemble" in architectures


def test_network_that_cannot_be_built_is_refused_by_file(tmp_path):
    project = load(tmp_path, cuboid={"shape": [4, 4, 4]})
    with pytest.raises(InputError, match=r"resnet_narrow\.yaml"):
        check_networks(project)


@pytest.mark.parametrize("option", ["name", "in_channels", "cuboid_shape"])
def test_what_is_no_option_of_a_network_is_refused_by_file(tmp_path, monkeypatch, option):
    monkeypatch.setattr(arm_reading, "ARMS", tmp_path)
    (tmp_path / "odd.yaml").write_text(f"architecture: resnet\noptions: {{{option}: 2}}\n")
    with pytest.raises(InputError, match=rf"odd\.yaml: .*has no option '{option}'"):
        check_networks(load(tmp_path, arms=["odd"]))


@pytest.mark.parametrize(
    ("architecture", "space"),
    [("features", "{frozen_epochs: [0, 2]}"), ("pipnet3d", "{mixup: {low: 0, high: 0.2}}")],
)
def test_a_search_of_what_means_nothing_to_its_network_is_refused(
    tmp_path, monkeypatch, architecture, space
):
    monkeypatch.setattr(arm_reading, "ARMS", tmp_path)
    content = f"architecture: {architecture}\nsearch: {{space: {space}}}\n"
    (tmp_path / "sought.yaml").write_text(content)
    key = space[1:].split(":")[0]
    with pytest.raises(InputError, match=rf"sought\.yaml: {key}.*this architecture"):
        check_networks(load(tmp_path, arms=["sought"]))


def test_every_architecture_takes_a_single_plane(tmp_path):
    arms = yaml.safe_load((SHIPPED / "arena.yaml").read_text())["arms"]
    check_networks(load(tmp_path, arms=arms, cuboid={"shape": [1, 50, 50]}))


@pytest.mark.parametrize("voxel_z", ["50", "10.1"])
def test_planes_thinner_than_those_of_a_volume_are_refused_by_brain(tmp_path, voxel_z):
    row = ROW | {"voxel_z": voxel_z}
    message = r"'a'.* at \[5, 1, 1\] µm is thinner than a voxel .* cuboid.voxel_size in the config"
    with pytest.raises(InputError, match=message):
        load(tmp_path, row, cuboid={"shape": [1, 50, 50]})
    load(tmp_path, row, cuboid={"shape": [1, 50, 50], "voxel_size": [float(voxel_z), 1, 1]})


def test_three_planes_are_taken_as_channels(tmp_path, monkeypatch):
    monkeypatch.setattr(arm_reading, "ARMS", tmp_path)
    options = "{depth: 18, width: 8, planes_as_channels: true}"
    (tmp_path / "planes.yaml").write_text(f"architecture: resnet\noptions: {options}\n")
    check_networks(load(tmp_path, arms=["planes"], cuboid={"shape": [3, 50, 50]}))


@pytest.mark.parametrize(
    ("arm", "shape", "message"),
    [
        ("resnet_narrow", [3, 50, 50], "resnet; the least is .*, with planes_as_channels: true"),
        ("resnet_cellfinder_narrow", [1, 12, 50], r"too small for a resnet; .* \[1, 13, 13\]"),
        ("efficientnet_attention_narrow", [1, 16, 16], r"too small .* \[1, 17, 17\] and above"),
    ],
)
def test_planes_that_a_network_cannot_take_are_refused(tmp_path, arm, shape, message):
    project = load(tmp_path, arms=[arm], cuboid={"shape": shape})
    with pytest.raises(InputError, match=rf"{arm}\.yaml: cuboid shape .*{message}"):
        check_networks(project)


ARMS = ["resnet_narrow", "resnet_cellfinder_narrow", "both"]


@pytest.fixture
def write_ensemble(tmp_path, monkeypatch):
    """A function that writes arms of architecture ensemble beside copies of the shipped ones."""
    folder = tmp_path / "models"
    shutil.copytree(SHIPPED / "arms", folder)
    monkeypatch.setattr(arm_reading, "ARMS", folder)

    def write(name="both", members=ARMS[:2], **content) -> None:
        content = {"options": {"members": members}} | content
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"architecture": "ensemble"} | content))

    return write


def test_an_ensemble_is_an_arm_without_a_recipe(tmp_path, write_ensemble):
    write_ensemble()
    project = load(tmp_path, arms=ARMS, training={"epochs": 7})
    check_networks(project)
    both = project.arms["both"]
    assert both.options == {"members": ARMS[:2], "method": "mean"}
    assert both.members == ARMS[:2]
    assert both.recipe is None
    assert project.arms["resnet_narrow"].members == []


@pytest.mark.parametrize(
    ("content", "found", "remedy"),
    [
        ({"members": ["resnet_narrow"]}, "members: ['resnet_narrow'] is too short", "two or more"),
        ({"members": ["resnet_narrow"] * 2}, "has non-unique elements", "each once"),
        ({"members": "resnet_narrow"}, "members: 'resnet_narrow' is not of type", "two or more"),
        ({"options": {}}, "'members' is missing", "add it"),
        ({"members": ["resnet_narrow", "vit_narrow"]}, "'vit_narrow' is not among", "add it to"),
        ({"members": ["resnet_narrow", "both"]}, "'both' is an ensemble itself", "name the arms"),
        ({"members": ["resnet_narrow", "../x"]}, "'../x' is not among", "take it out"),
        ({"training": {"epochs": 3}}, "is not trained, but there are keys", "(epochs); remove"),
        (
            {"options": {"members": ARMS[:2], "method": "vote"}},
            "method: 'vote' found",
            "give one of mean, simplex, stacking",
        ),
        (
            {"options": {"members": ARMS[:2], "weights": [1, 2]}},
            "unknown key 'weights'",
            "known here: members, method",
        ),
    ],
)
def test_a_bad_ensemble_is_refused_with_file_and_remedy(
    tmp_path, write_ensemble, content, found, remedy
):
    write_ensemble(**content)
    with pytest.raises(InputError) as refusal:
        load(tmp_path, arms=ARMS)
    where, said = str(refusal.value).split(".yaml", 1)
    assert where.endswith("both")
    assert found in said
    assert remedy in said


def test_an_ensemble_is_no_teacher(tmp_path, write_ensemble):
    write_ensemble()
    path = arm_reading.ARMS / "student.yaml"
    path.write_text("architecture: deit3d\ntraining: {teacher: both}\n")
    with pytest.raises(InputError, match=r"student\.yaml: its teacher 'both' is an ensemble"):
        load(tmp_path, arms=[*ARMS, "student"])


def test_an_ensemble_of_an_ensemble_is_refused(tmp_path, write_ensemble):
    write_ensemble()
    write_ensemble("more", members=["resnet_narrow", "both"])
    with pytest.raises(InputError, match=r"more\.yaml.*'both' is an ensemble itself"):
        load(tmp_path, arms=["more", *ARMS])


@pytest.mark.parametrize("config", CONFIGS)
def test_shipped_configs_are_accepted(repository, config):
    project = read_project(config, repository)
    check_networks(project)


def test_every_key_is_explained_in_the_readme(repository):
    text = (repository / "config" / "README.md").read_text()
    for name in ("config", "brains", "arm", "ensemble", "pretraining"):
        schema = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())
        for key in schema["properties"]:
            assert f"`{key}`" in text, key
