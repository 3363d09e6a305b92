"""By which detection a model is used on a volume."""

import json

import pytest

from cellsift.detection import check_parameters, detect
from cellsift.errors import InputError
from cellsift.io.volumes import Volume, open_volume
from cellsift.phantom import make_brain, write_brain
from cellsift.phantom.settings import BrainSettings
from cellsift.settings.learnt_detection import LearntDetection
from cellsift.steps.detection_used import detection_for

DOG = {"soma_diameter": 14, "minimum_contrast": 0.1}


@pytest.fixture
def model(tmp_path):
    """A function that writes a model's description with a record, and gives its folder."""

    def write(learnt: LearntDetection | None):
        content = {"temperature": 1.0, "threshold": 0.5}
        content |= {} if learnt is None else {"detection": learnt.to_dict()}
        (tmp_path / "model.json").write_text(json.dumps(content))
        return tmp_path

    return write


@pytest.fixture(scope="module")
def volume(tmp_path_factory) -> Volume:
    folder = tmp_path_factory.mktemp("brain")
    write_brain(make_brain(1, BrainSettings(shape=(30, 100, 120), cells=40)), folder)
    return open_volume(folder / "signal", (5, 2, 2))


def test_a_model_is_used_as_it_learnt_down_to_the_contrast(model, volume):
    everything = detect(volume, "dog", **DOG)
    least = float(everything["contrast"].median())
    used = detection_for(model(LearntDetection("dog", DOG, least)))
    found = used.candidates(volume)
    assert 0 < len(found) < len(everything)
    assert found["contrast"].min() >= least
    assert found.index.tolist() == list(range(len(found)))
    assert "as the model learnt" in used.sentence()
    assert used.as_learnt
    assert f"contrast of at least {least:.4g}" in used.sentence()


def test_a_parameter_that_is_given_counts_in_its_place(model):
    used = detection_for(model(LearntDetection("dog", DOG, 0.3)), parameters={"soma_diameter": 9})
    assert used.parameters == check_parameters("dog", **DOG | {"soma_diameter": 9})
    assert used.least_contrast == 0.3
    assert "soma_diameter as given, the rest as the model learnt" in used.source
    assert not used.as_learnt


def test_a_method_that_is_given_takes_nothing_of_the_model(model):
    folder = model(LearntDetection("dog", DOG, 0.3))
    used = detection_for(folder, "dog", {"soma_diameter": 9})
    assert used.parameters == check_parameters("dog", soma_diameter=9)
    assert used.least_contrast is None
    assert used.source == "as given"
    assert detection_for(folder, "cellfinder").method == "cellfinder"


def test_a_model_that_does_not_say_is_used_with_defaults_and_that_is_said(model):
    used = detection_for(model(None))
    assert (used.method, used.parameters) == ("dog", check_parameters("dog"))
    assert "the model does not say what it learnt from" in used.sentence()


def test_brains_that_differed_leave_it_to_who_uses_the_model(model):
    brains = {
        "a": {"method": "dog", "soma_diameter": 14, "minimum_contrast": 0.1},
        "b": {"method": "dog", "soma_diameter": 16, "minimum_contrast": 0.1},
    }
    folder = model(LearntDetection.of_brains(brains))
    with pytest.raises(InputError, match=r"14 in a, 16 in b.*--set soma_diameter="):
        detection_for(folder)
    used = detection_for(folder, parameters={"soma_diameter": 15})
    assert used.parameters["minimum_contrast"] == 0.1
    assert used.parameters["soma_diameter"] == 15


def test_what_this_version_does_not_know_is_refused_with_the_file(model):
    with pytest.raises(InputError, match=r"model\.json, detection: .*no_such"):
        detection_for(model(LearntDetection("dog", {"no_such": 1})))
    with pytest.raises(InputError, match=r"model\.json, detection: .*newer"):
        detection_for(model(LearntDetection("newer", {})))
