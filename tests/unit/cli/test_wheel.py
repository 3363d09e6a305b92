"""Installed from a wheel, `cellsift` works in any folder."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
import yaml

from cellsift.cli import main
from cellsift.io.tables import read_table
from cellsift.phantom import make_brain, write_brain
from cellsift.phantom.settings import BrainSettings

pytestmark = pytest.mark.slow
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def done(command, folder, **environment):
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ended = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


class Environment:
    """A fresh environment with the libraries, but not the checkout that they may point to."""

    def __init__(self, home: Path, wheel: Path):
        venv.create(home, with_pip=False)
        self.python, self.cellsift = home / "bin" / "python", home / "bin" / "cellsift"
        site = done([self.python, "-c", "import site; print(site.getsitepackages()[0])"], home)
        self.site = Path(site.strip())
        done([*PIP, "--python", self.python, "install", "--quiet", "--no-deps", wheel], home)
        (self.site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")


@pytest.fixture(scope="module")
def source(repository, tmp_path_factory) -> Path:
    """What git has of the checkout."""
    folder = tmp_path_factory.mktemp("source")
    for name in done(["git", "ls-files", "-z"], repository).split("\0")[:-1]:
        if name.startswith("tests/") or (repository / name).is_dir():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((repository / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def built(source, tmp_path_factory) -> Path:
    """The wheel that `python -m build` makes of its source distribution."""
    folder = tmp_path_factory.mktemp("built")
    done([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, "."], source)
    (wheel,) = folder.glob("cellsift-*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("installed") / "venv", built)


def typed(repository, heading: str) -> list[list[str]]:
    """What a section of the README types, as words."""
    section = (repository / "README.md").read_text().split(f"## {heading}\n")[1]
    lines = re.sub(r"```yaml.*?```", "", section.split("\n## ")[0], flags=re.DOTALL).splitlines()
    return [line.split() for line in lines if line.startswith(("cellsift ", "pip "))]


def test_a_wheel_goes_from_volumes_to_a_planned_run_outside_the_repository(
    installed, repository, tmp_path
):
    work = tmp_path / "work"
    for name in ("mouse_1", "mouse_2"):
        brain = make_brain(len(name), BrainSettings(shape=(30, 150, 180), cells=80))
        write_brain(brain, work / "data" / name)
    cellsift, site = installed.cellsift, installed.site
    where = done([installed.python, "-c", "import cellsift; print(cellsift.__file__)"], work)
    assert where.startswith(str(site))
    assert (site / "cellsift" / "interop" / "napari.yaml").is_file()
    (packed,) = site.glob("cellsift-*.dist-info/entry_points.txt")
    assert "[napari.manifest]\ncellsift = cellsift.interop:napari.yaml" in packed.read_text()
    # As the README has them.
    lines = typed(repository, "The command line")[:3]
    assert [words[1] for words in lines] == ["init", "check", "run"]
    *_, plan = [done([cellsift, *words[1:]], work) for words in lines]
    assert "report_index" in plan
    assert "train" in plan
    done([cellsift, "suggest", "mine.yaml", "-n"], work)
    only = done([cellsift, "train", "mine.yaml", "features", "-n"], work)
    assert "calibrate" in only
    assert "report_index" not in only
    # An arm of the folder, beside those that the package brings along.
    (work / "config" / "arms").mkdir(parents=True)
    (work / "config" / "arms" / "own.yaml").write_text("architecture: features\n")
    config = yaml.safe_load((work / "mine.yaml").read_text()) | {"arms": ["features", "own"]}
    (work / "own.yaml").write_text(yaml.safe_dump(config))
    assert "calibrate" in done([cellsift, "train", "own.yaml", "own", "-n"], work)


def test_a_stranger_gets_the_cells_of_planes_by_three_commands_without_training(
    installed, repository, finished, small_brains, tmp_path
):
    """As the README has them, with a model that somebody else has released.

    The cells are those that the run of the model has in that brain, which it did not learn from.
    """
    given = ["release", finished.results, "small", "--name", "cfos-2026", "--to"]
    with pytest.raises(SystemExit, match="0"):
        main([str(word) for word in (*given, tmp_path / "models")])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mouse_9").symlink_to(small_brains / "mouse_3")
    install, *lines = typed(repository, "Cells in three commands")
    assert install == ["pip", "install", "."]
    assert [words[1] for words in lines] == ["models", "classify"]
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    address = "https://models.example.org"
    for words in lines:
        there = ["models" if word == address else word for word in words[1:]]
        said = done([installed.cellsift, *there], tmp_path, **cache)
    assert "as the model learnt" in said
    known = read_table(finished.results / "brains" / "mouse_3" / "small" / "cells.csv")
    found = read_table(tmp_path / "cells" / "cells.csv")
    pd.testing.assert_frame_equal(found, known, check_exact=False, atol=1e-6, rtol=0)
    assert 0 < found["is_cell"].sum() < len(found)
    assert (tmp_path / "cells" / "cells.xml").is_file()


def test_pip_makes_the_same_of_a_checkout(built, source, tmp_path):
    """As `pip install .` does before it copies the files."""
    options = ["--quiet", "--no-deps", "--no-build-isolation"]
    done([*PIP, "wheel", *options, "--wheel-dir", tmp_path, "."], source)
    (wheel,) = tmp_path.glob("cellsift-*.whl")
    names = ZipFile(wheel).namelist()
    assert sorted(names) == sorted(ZipFile(built).namelist())
    assert "cellsift/shipped/workflow/Snakefile" in names
