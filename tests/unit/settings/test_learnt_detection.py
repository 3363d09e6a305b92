"""What a model's record of detection says, and what of it is refused."""

import doctest

import pytest

from cellsift.errors import InputError
from cellsift.settings import learnt_detection
from cellsift.settings.learnt_detection import LearntDetection

DOG = {"method": "dog", "soma_diameter": 14, "keep": None}


def test_the_example_runs():
    assert doctest.testmod(learnt_detection).failed == 0


def test_a_record_is_what_all_brains_had_and_is_read_as_it_was_written():
    learnt = LearntDetection.of_brains({"a": DOG, "b": dict(DOG)}, 0.25)
    assert (learnt.parameters, learnt.differing) == ({"soma_diameter": 14}, {})
    content = {"detection": learnt.to_dict()}
    assert LearntDetection.in_description(content, "model.json") == learnt
    assert learnt.in_config() == DOG | {"keep": {"contrast": 0.25}}


def test_a_model_without_a_record_has_none():
    assert LearntDetection.in_description({"temperature": 1.0}, "model.json") is None


@pytest.mark.parametrize(
    "record",
    [
        [1],
        {"method": "dog"},
        {"method": 3, "parameters": {}},
        {"method": "dog", "parameters": {}, "least_contrast": True},
        {"method": "dog", "parameters": {"soma_diameter": [1]}},
        {"method": "dog", "parameters": {}, "differing": {"soma_diameter": 3}},
        {"method": "dog", "parameters": [], "other": 1},
    ],
)
def test_a_record_that_cannot_be_used_is_refused_with_its_file(record):
    with pytest.raises(InputError, match=r"given/model\.json: its record of detection"):
        LearntDetection.in_description({"detection": record}, "given/model.json")
