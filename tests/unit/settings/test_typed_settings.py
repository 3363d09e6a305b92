"""Settings as objects: made once, complete, frozen, and plain data again; the schemas of them."""

import inspect
import json
import subprocess
import sys

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from cellsift.errors import InputError
from cellsift.io.volumes import open_volume
from cellsift.project.arms import ARMS, read_arm
from cellsift.project.pretrainings import FOLDER, read_pretraining
from cellsift.project.searches import read_search
from cellsift.settings.arms import Arm
from cellsift.settings.brains import (
    SETTINGS_OF_A_BRAIN,
    CuboidSettings,
    JobsPerBrain,
    MatchingSettings,
    Reading,
)
from cellsift.settings.checking import completed
from cellsift.settings.config import Config
from cellsift.settings.files import SCHEMAS, read_yaml
from cellsift.settings.pretraining import Pretraining
from cellsift.settings.recipe import Recipe
from cellsift.settings.schemas import OF_FILES, schema_files
from cellsift.settings.search import own_values, recipe_with

LEAST = {"arms": ["resnet"]}
OWN_BRAIN = {
    "detection": {"soma_diameter": 9},
    "intensity_range": None,
    "jobs_per_brain": {"detection": 2},
}


def config(**content) -> Config:
    return completed(Config, LEAST | content, "config")


def as_json(plain: dict) -> dict:
    return json.loads(json.dumps(plain, allow_nan=False))


def test_the_schemas_are_those_of_the_settings():
    """To write them: python -m cellsift.settings.schemas."""
    assert {path.name: path.read_text() for path in SCHEMAS.iterdir()} == schema_files()


@pytest.mark.parametrize("name", OF_FILES)
def test_every_schema_is_one_and_tells_what_each_key_means(name):
    schema = read_yaml(SCHEMAS / f"{name}.schema.yaml")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all(rule["description"] for rule in schema["properties"].values())


# The config to be copied has a test of its own.
SHIPPED = sorted(path for path in ARMS.parent.glob("*.yaml") if path.name != "start.yaml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_shipped_fits_the_schemas_too(path):
    jsonschema.validate(read_yaml(path), read_yaml(SCHEMAS / "config.schema.yaml"))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"brains": {"a": OWN_BRAIN}},
        {"detection": {"method": "dog", "soma_diameter": 5, "keep": {"recall": 0.5}}},
        {"training": {"folds": 5, "epochs": 7, "augmentation": "none"}},
        {"threshold": {"recall": 0.9}, "intensity_range": [0, 1.5]},
        {"cuboid": {"shape": [1, 20, 20], "voxel_size": [5, 1.5, 1.5]}},
    ],
)
def test_a_config_is_plain_data_again_and_the_same_of_it(content):
    made = config(**content)
    plain = made.to_dict()
    assert as_json(plain) == plain
    assert completed(Config, plain, "config") == made
    jsonschema.validate(plain, read_yaml(SCHEMAS / "config.schema.yaml"))


def test_numbers_stay_as_they_are_written():
    plain = config(cuboid={"voxel_size": [5, 1.0, 1]}, matching={"distance_um": 7}).to_dict()
    assert json.dumps(plain["cuboid"]["voxel_size"]) == "[5, 1.0, 1]"
    assert json.dumps(plain["matching"]) == '{"distance_um": 7}'
    recipe = Recipe.from_dict({"weight_decay": 0}).to_dict()
    assert json.dumps(recipe["weight_decay"]) == "0"


def test_a_whole_number_may_be_written_with_a_point():
    assert repr(config(seed=3.0).seed) == "3"
    assert config(cuboid={"shape": [20.0, 50, 50]}).cuboid.shape == (20, 50, 50)


def test_what_differs_for_a_brain_is_what_was_given():
    assert config(brains={"a": OWN_BRAIN}).to_dict()["brains"] == {"a": OWN_BRAIN}
    assert config(brains={"a": {"matching": {}}}).to_dict()["brains"] == {"a": {"matching": {}}}


def test_the_settings_of_a_brain_are_those_of_the_config():
    """As types for those who read them; the config's own classes check what users write."""
    types = {"cuboid": CuboidSettings, "matching": MatchingSettings, "jobs_per_brain": JobsPerBrain}
    plain = config().to_dict()
    for key in SETTINGS_OF_A_BRAIN:
        assert key in plain
        if key in types:
            assert list(types[key].__annotations__) == list(plain[key])
    reading = set(inspect.signature(open_volume).parameters) - {"path"}
    assert set(Reading.__annotations__) == reading


def test_the_keys_of_folds_and_recipe_stand_side_by_side():
    made = config(training={"folds": 4, "epochs": 7})
    assert (made.training.folds, made.training.recipe.epochs) == (4, 7)
    assert made.to_dict()["training"] == (
        {"folds": 4, "group_by": "auto"} | Recipe.from_dict({"epochs": 7}).to_dict()
    )


def test_settings_cannot_be_changed():
    for change in (
        lambda: setattr(Recipe(), "epochs", 3),
        lambda: setattr(Recipe().augmentation, "strength", 0.5),
        lambda: setattr(config().cuboid, "shape", (1, 50, 50)),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            change()


@pytest.mark.parametrize("name", sorted(path.stem for path in ARMS.glob("*.yaml")))
def test_an_arm_survives_as_plain_data(name):
    arm = read_arm(name)
    plain = arm.to_dict()
    assert as_json(plain) == plain
    assert Arm.from_dict(as_json(plain)) == arm
    assert bool(plain["recipe"]) == (arm.recipe is not None) == (not arm.members)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_a_pretraining_survives_as_plain_data(name):
    pretraining = read_pretraining(name)
    plain = pretraining.to_dict()
    assert as_json(plain) == plain
    assert Pretraining.from_dict(as_json(plain)) == pretraining


def test_a_recipe_keeps_its_keys_in_order_however_it_was_given():
    one = Recipe.from_dict({"mixup": 0.1, "epochs": 3, "augmentation": {"operations": ["blur"]}})
    other = Recipe.from_dict({"augmentation": {"operations": ["blur"]}, "epochs": 3, "mixup": 0.1})
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())
    assert list(one.to_dict()) == list(Recipe().to_dict())
    assert one.to_dict()["augmentation"] == {"strength": 1.0, "operations": ["blur"]}
    assert Recipe.from_dict(one.to_dict()) == one


def test_a_searched_value_takes_the_place_of_the_recipes_own():
    recipe = Recipe.from_dict({"augmentation": {"operations": ["flip"]}})
    found = recipe_with(recipe, {"augmentation_strength": 0.5, "epochs": 3})
    assert (found.augmentation.strength, found.augmentation.operations) == (0.5, ("flip",))
    assert found.epochs == 3
    given = {"space": {"epochs": [40, 3], "learning_rate": {"low": 0.0001, "high": 0.01}}}
    search = read_search(given, recipe, "arm")
    assert own_values(recipe, search.space) == {"epochs": 40, "learning_rate": 0.001}


RANGE = "intensity_range: 5 is not valid under any of the given schemas; correct it (Lowest and "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"seed": -1}, "seed: -1 is less than the minimum of 0; correct it (Seed of everything"),
        ({"seed": True}, "seed: True is not of type 'integer'; correct it (Seed of"),
        ({"seed": None}, "seed: nothing found; fill it in (Seed of"),
        ({"device": "gpu"}, "device: 'gpu' found; give one of auto, cpu, cuda (Where networks"),
        ({"device": None}, "device: nothing found; give one of auto, cpu, cuda (Where"),
        ({"cuboid": None}, "cuboid: nothing found; fill it in (The piece of volume around a"),
        ({"cuboid": {"shape": [20, 50]}}, "cuboid.shape: [20, 50] is too short; correct it (Vox"),
        ({"cuboid": {"shape": [1, 3, 9]}}, "cuboid.shape.1: 3 is less than the minimum of 4; corr"),
        ({"arms": ["a/b"]}, "arms.0: 'a/b' does not match '^[A-Za-z0-9][A-Za-z0-9_.-]*$'; correct"),
        ({"arms": ["a", "a"]}, "arms: ['a', 'a'] has non-unique elements; correct it (Names of"),
        ({"arms": []}, "arms: [] should be non-empty; correct it (Names of files"),
        ({"results": ""}, "results: '' should be non-empty; correct it (Folder that"),
        ({"threshold": {"recall": 2}}, "threshold.recall: 2 is greater than or equal to the maxi"),
        ({"threshold": "f2"}, "threshold: 'f2' is not valid under any of the given schemas; corr"),
        ({"detection": {"keep": {}}}, "detection.keep: 'recall' is missing; add it"),
        ({"detection": {"keep": {"recall": 1, "x": 2}}}, "detection.keep: unknown key 'x'; remo"),
        (
            {"detection": {"keep": {"carry": True, "contrast": 0.1}}},
            "detection.keep: {'carry': True, 'contrast': 0.1} has too many properties; correct it "
            "(A contrast stands alone",
        ),
        (
            {"detection": {"keep": {"recall": 1, "candidates_per_cell": None}}},
            "detection.keep.cand",
        ),
        ({"intensity_range": 5}, RANGE),
        (
            {"brains": {"a": {"role": "test"}}},
            "brains.a: unknown key 'role'; remove it or correct ",
        ),
        ({"brains": {"a": {"matching": None}}}, "brains.a.matching: nothing found; fill it in"),
        ({"brains": {"a": {"detection": {"method": "dog"}}}}, "brains.a.detection: False schema"),
        ({"training": {"folds": 1}}, "training.folds: 1 is less than the minimum of 2; correct it"),
        ({"training": {"epochs": "x"}}, "training: epochs is 'x'; give a whole number"),
        ({"training": {"augmentation": 3}}, "training: augmentation is 3"),
    ],
)
def test_a_message_has_the_key_what_was_found_and_what_to_write(content, said):
    with pytest.raises(InputError) as refusal:
        config(**content)
    assert str(refusal.value).startswith(f"config: {said}")


def loaded_by(module: str, repository) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        env={"PYTHONPATH": str(repository / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("cellsift.project.reading", {"torch", "pandas", "jsonschema", "zarr"}),
        # A job makes its brain of plain data at no cost.
        ("cellsift.settings.brains", {"pydantic", "numpy", "yaml"}),
    ],
)
def test_settings_load_little(repository, module, left_out):
    assert not left_out & loaded_by(module, repository)


def test_a_job_with_an_arm_does_not_depend_on_how_settings_are_read(repository):
    """So that no network is trained anew for another wording of a refusal."""
    own = {name for name in loaded_by("cellsift.settings.arms", repository) if "cellsift." in name}
    assert own == {
        "cellsift.errors",
        "cellsift.settings",
        *(f"cellsift.settings.{name}" for name in ("arms", "recipe", "search", "values")),
    }


def test_a_schema_says_the_defaults_that_are_taken():
    schema = yaml.safe_load((SCHEMAS / "config.schema.yaml").read_text())
    plain = config().to_dict()
    for key, rule in schema["properties"].items():
        if key != "arms":
            inner = {k: r["default"] for k, r in rule.get("properties", {}).items()}
            assert plain[key] == (inner or rule["default"]), key
