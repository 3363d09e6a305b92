"""Snakemake's command lines find the Python of a folder of any name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cellsift.errors import InputError
from cellsift.workflow.python_of_jobs import name_python_for_shells, refuse_folder_for_cluster

# Names of folders, as people and sync services give them.
ODD = ["OneDrive - University", "Anna's (new)", "a$HOME", 'the "lab"', "a&b;c", "Universität"]


@pytest.fixture
def python_in(tmp_path, monkeypatch):
    """A function that has this process think it is the Python of a .venv in such a folder."""

    def make(name: str) -> Path:
        (tmp_path / name).mkdir()
        venv = tmp_path / name / ".venv"
        venv.symlink_to(sys.prefix)
        monkeypatch.setenv("PATH", os.environ["PATH"])
        monkeypatch.setattr(sys, "executable", str(venv / "bin" / "python"))
        return venv

    return make


@pytest.mark.parametrize("name", ODD)
def test_an_unquoted_command_starts_the_python_of_the_folder(name, python_in):
    venv = python_in(name)
    name_python_for_shells()
    # As Snakemake starts a script, and in it the jobs of that.
    command = f"{sys.executable} -c 'import sys; print(sys.prefix, sys.executable, sep=chr(10))'"
    said = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [str(venv), str(venv / "bin" / "python")]


def test_an_ordinary_path_stays_as_it_is(python_in):
    venv = python_in("ordinary")
    path = os.environ["PATH"]
    name_python_for_shells()
    assert sys.executable == str(venv / "bin" / "python")
    assert os.environ["PATH"] == path


@pytest.mark.parametrize("name", ["a$HOME", "`date`", "back\\slash"])
def test_clusters_refuse_what_their_commands_would_not_keep(name, tmp_path):
    with pytest.raises(InputError, match="rename the folder"):
        refuse_folder_for_cluster(tmp_path / name)


@pytest.mark.parametrize("name", ["OneDrive - University", "Anna's (new)", "Universität"])
def test_clusters_take_other_names(name, tmp_path):
    refuse_folder_for_cluster(tmp_path / name)
