"""Libraries find a place for what they keep, also where the home cannot be written to."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from cellsift.workflow.home import KEPT_IN_HOME, replace_unwritable_home


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """The variables are not set before a test, nor after it."""
    for variable in KEPT_IN_HOME:
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)


def test_a_home_that_can_be_written_to_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert replace_unwritable_home(tmp_path / "instead") == []
    assert not set(KEPT_IN_HOME) & set(os.environ)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home", ["file", "file/none"])
def test_all_moves_where_there_is_no_such_folder(home, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / home))
    assert replace_unwritable_home(tmp_path / "instead") == list(KEPT_IN_HOME)
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "instead" / ".cache")
    # Paths that begin with ~ mean the same as before.
    assert os.environ["HOME"] == str(tmp_path / home)


def test_what_is_kept_elsewhere_stays_there(tmp_path, monkeypatch):
    """Such as a cache on a scratch disk, where the home is closed."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "scratch"))
    assert "XDG_CACHE_HOME" not in replace_unwritable_home(tmp_path / "instead")
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "scratch")


def test_a_closed_folder_within_the_caches_moves_them_alone(tmp_path, monkeypatch):
    """As where Snakemake ran by sudo once; here a file, since root may write to closed folders."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "snakemake").write_text("")
    assert replace_unwritable_home(tmp_path / "instead") == ["XDG_CACHE_HOME"]


def test_a_user_whom_the_machine_does_not_know_has_the_folder_as_home(tmp_path, monkeypatch):
    """As in a container; cellfinder asks for the home when it is imported."""

    def unknown(_):
        raise KeyError

    monkeypatch.setenv("HOME", "")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    replace_unwritable_home(tmp_path / "instead")
    assert Path.home() == tmp_path / "instead"


def test_a_run_starts_with_a_home_that_is_closed(obeying, repository, tmp_path):
    if obeying is None:
        pytest.skip("root may write everywhere, and setpriv is not there to forbid it")
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    (tmp_path / "config.yaml").write_text("brains_table: no_such_table.tsv\n")
    asked = [sys.executable, repository / "scripts/run.py", "--snakefile"]
    done = subprocess.run(
        [*obeying, *asked, repository / "workflow/Snakefile", "-n", "--configfile", "config.yaml"],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(home)},
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert ".snakemake/home takes the place of the home folder" in said
    # What to set for a place of one's own.
    assert "XDG_CACHE_HOME" in said
    # The workflow is read, and says what is wrong with the config.
    assert "'arms' is missing" in said
    assert "Traceback" not in said
