"""Installed from a wheel, `cellsift` works in any folder."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from cellsift.phantom import make_brain, write_brain
from cellsift.phantom.settings import BrainSettings

pytestmark = pytest.mark.slow


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


def test_a_wheel_goes_from_volumes_to_a_planned_run_outside_the_repository(repository, tmp_path):
    listed = done(["git", "ls-files", "-z"], repository).split("\0")[:-1]
    source = tmp_path / "source"
    for name in listed:
        if name.startswith("tests/") or (repository / name).is_dir():
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((repository / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", ".", "--no-deps", "--no-build-isolation", "-w", tmp_path]
    done([*build, "--quiet"], source)
    (wheel,) = tmp_path.glob("cellsift-*.whl")
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    site = Path(done([python, "-c", "import site; print(site.getsitepackages()[0])"], home).strip())
    done([*pip, "--python", python, "install", "--quiet", "--no-deps", wheel], home)
    # The libraries, but not the checkout that their environment may point to.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    work = tmp_path / "work"
    for name in ("mouse_1", "mouse_2"):
        brain = make_brain(len(name), BrainSettings(shape=(30, 150, 180), cells=80))
        write_brain(brain, work / "data" / name)
    cellsift = home / "bin" / "cellsift"
    where = done([python, "-c", "import cellsift; print(cellsift.__file__)"], work)
    assert where.startswith(str(site))
    assert (site / "cellsift" / "interop" / "napari.yaml").is_file()
    (packed,) = site.glob("cellsift-*.dist-info/entry_points.txt")
    assert "[napari.manifest]\ncellsift = cellsift.interop:napari.yaml" in packed.read_text()
    # As the README has them.
    section = (repository / "README.md").read_text().split("## The command line\n")[1]
    readme = section.split("\n## ")[0]
    typed = [line.split() for line in readme.splitlines() if line.startswith("cellsift ")]
    assert [words[1] for words in typed] == ["init", "check", "run"]
    *_, plan = [done([cellsift, *words[1:]], work) for words in typed]
    assert "report_index" in plan
    assert "train" in plan
    done([cellsift, "suggest", "mine.yaml", "-n"], work)
    only = done([cellsift, "train", "mine.yaml", "features", "-n"], work)
    assert "calibrate" in only
    assert "report_index" not in only
