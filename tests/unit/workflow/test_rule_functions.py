"""Names are matched by a short pattern, and functions of rules noted with what they take."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellsift.workflow.rule_functions import of_wildcards, one_of

NAMES = st.text("ab_.-1", min_size=1, max_size=6)


@given(st.sets(NAMES, max_size=8), NAMES)
def test_just_these_names_match(names, other):
    pattern = re.compile(one_of(names))
    for name in names:
        assert pattern.fullmatch(name)
        # As Snakemake does with a name that it knows already.
        assert pattern.match(name).group() == name
    assert bool(pattern.fullmatch(other)) == (other in names)


@pytest.mark.parametrize("names", [[], ["a.b"], ["mouse_1", "mouse_10", "mouse_1"]])
def test_names_in_a_path_are_told_apart(names):
    path = re.compile(f"brains/(?P<brain>{one_of(names)})/cells.csv$")
    for name in names:
        assert path.match(f"brains/{name}/cells.csv")["brain"] == name
    assert not path.match("brains/aXb/cells.csv")
    assert not path.match("brains//cells.csv")


def test_many_like_names_make_a_short_pattern():
    names = [f"mouse_{number:03d}" for number in range(100)]
    assert len(one_of(names)) < len("|".join(names)) / 3


def test_what_a_function_takes_is_worked_out_once(monkeypatch):
    noted = of_wildcards(lambda wildcards: wildcards)
    assert list(inspect.signature(noted).parameters) == ["wildcards"]
    monkeypatch.setattr(inspect, "_signature_from_function", None)
    assert list(inspect.signature(noted).parameters) == ["wildcards"]
    assert noted(3) == 3


def test_the_functions_that_rules_share_are_noted(repository):
    shared = (repository / "workflow" / "rules" / "common.smk").read_text()
    functions = re.findall(r"(.*)\ndef \w+\(wildcards\)", shared)
    made = re.findall(r"return (of_wildcards\(\s*)?lambda wildcards", shared)
    assert len(functions) > 10
    assert len(made) > 4
    assert set(functions) == {"@of_wildcards"}
    assert all(made)
