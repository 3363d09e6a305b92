"""Networks that were found good are not built again; whatever may change that is looked at."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from cellsift.errors import InputError
from cellsift.project import network_checks
from cellsift.project.reading import read_project
from cellsift.settings.config import Cuboid
from cellsift.workflow import known_networks
from cellsift.workflow.known_networks import check_networks_once


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """The projects whose networks were built, with a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seen = []
    monkeypatch.setattr(network_checks, "check_networks", seen.append)
    return seen


@pytest.fixture
def project(repository):
    return read_project(repository / "config" / "config.yaml", repository)


def test_what_was_found_good_is_not_built_again(checked, project):
    check_networks_once(project)
    check_networks_once(project)
    assert checked == [project]


def with_config(project, **changes):
    return replace(project, config=project.config.model_copy(update=changes))


def with_arm(project, **changes):
    name = "slice_mil_narrow"
    return replace(project, arms=project.arms | {name: replace(project.arms[name], **changes)})


CHANGES = {
    "cuboid": lambda p: with_config(
        p, cuboid=Cuboid.model_validate({"shape": [12, 25, 25], "voxel_size": [5.0, 3.0, 3.0]})
    ),
    "options": lambda p: with_arm(p, options={"depth": 10, "width": 9, "attention": 32}),
    "arms": lambda p: replace(p, arms=dict(list(p.arms.items())[:-2])),
    "channels": lambda p: replace(
        p, brains={name: replace(b, background=None) for name, b in p.brains.items()}
    ),
    "brains that are judged": lambda p: replace(
        p, brains={name: b for name, b in p.brains.items() if name != "phantom_test"}
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_looked_at(checked, project, what):
    check_networks_once(project)
    check_networks_once(CHANGES[what](project))
    assert len(checked) == 2


def test_another_wording_changes_nothing(checked, project):
    check_networks_once(project)
    check_networks_once(with_arm(project, description="in other words"))
    assert len(checked) == 1


@pytest.mark.parametrize("what", ["code_of", "_version"])
def test_other_code_and_other_libraries_are_looked_at(checked, project, monkeypatch, what):
    check_networks_once(project)
    monkeypatch.setattr(known_networks, what, lambda *_: "another")
    check_networks_once(project)
    assert len(checked) == 2


def test_a_model_to_start_from_that_has_changed_is_looked_at(tmp_path):
    model = tmp_path / "fold-0.json"
    model.write_text("{}")
    before = known_networks._stamps(str(model))
    assert before == known_networks._stamps(str(model))
    (tmp_path / "fold-0.safetensors").write_text("")
    with_weights = known_networks._stamps(str(model))
    os.utime(model, (1, 1))
    assert before != with_weights != known_networks._stamps(str(model))
    assert known_networks._stamps(str(tmp_path)) == known_networks._stamps(str(model))
    (tmp_path / "fold-1.safetensors").write_text("")
    assert known_networks._stamps(str(model)) != known_networks._stamps("")
    assert known_networks._stamps("") == []


def test_a_refusal_is_told_every_time(monkeypatch, tmp_path, project):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wrong = with_arm(project, options={"no_such_option": 1})
    for _ in range(2):
        with pytest.raises(InputError, match="no_such_option"):
            check_networks_once(wrong)


def test_without_a_cache_the_check_is_done_every_time(checked, project, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    check_networks_once(project)
    check_networks_once(project)
    assert len(checked) == 2


def test_a_cache_that_may_not_be_looked_into_ends_no_run(checked, project, monkeypatch):
    def closed(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    # As root, who runs these tests at times, may look into every folder.
    monkeypatch.setattr("os.stat", closed)
    monkeypatch.setattr("pathlib.Path.mkdir", closed)
    monkeypatch.setattr(known_networks, "_key", lambda project: "key")
    check_networks_once(project)
    assert checked == [project]


def test_torch_is_not_loaded_for_networks_that_are_known(repository, tmp_path):
    code = (
        "import sys; from cellsift.project.reading import read_project;"
        "from cellsift.workflow.known_networks import check_networks_once;"
        "check_networks_once(read_project('config/config.yaml')); print('torch' in sys.modules)"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=repository,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert told == ["True", "False"]
