"""A run notes its code, config and environment beside its results."""

import subprocess
from pathlib import Path

import torch

import cellsift
from cellsift.io.json_files import read_json
from cellsift.releases.snapshot import read_snapshot
from cellsift.results import Results
from cellsift.settings.config import Config
from cellsift.workflow.run_record import code_state, environment, record_run


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_run_notes_its_config_and_packages(tmp_path):
    results = Results(tmp_path)
    config = Config(arms=["small"], seed=7, results="/disk/of/mine")
    record_run(results, config)
    noted = read_json(results.run)
    assert noted["cellsift"] == cellsift.__version__
    assert Config.model_validate(noted["config"]) == config
    assert noted["environment"]["packages"]["torch"] == torch.__version__
    # For others it is without places of this machine.
    shared = read_snapshot(results, {})["config"]
    assert shared["seed"] == 7
    assert not {"results", "brains_table"} & set(shared)
    assert "folder" not in shared["annotation"]


def test_packages_are_in_the_order_of_their_names():
    packages = list(environment()["packages"])
    assert packages == sorted(packages, key=str.lower)


def test_the_commit_is_told_and_whether_files_differ_from_it(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "code.py").write_text("a = 1\n")
    assert code_state(tmp_path) == (None, None)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert code_state(tmp_path) == (commit, False)
    (tmp_path / "results").mkdir()
    assert code_state(tmp_path) == (commit, False)
    (tmp_path / "code.py").write_text("a = 2\n")
    assert code_state(tmp_path) == (commit, True)


def test_a_copy_of_the_code_within_another_repository_has_no_commit(tmp_path):
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "first")
    (tmp_path / "copy").mkdir()
    assert code_state(tmp_path / "copy") == (None, None)
    assert code_state(tmp_path / "absent") == (None, None)


def test_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_state(tmp_path) == (None, None)
