"""What make checks before it starts anything: which Python, and which config."""

import os
import shutil
import subprocess
import sys

import pytest

# A Python that says it is another, and tells what it would be started for.
OTHER = """#!/bin/sh
if [ "$1" = -c ]; then
  exec "{python}" -c 'import sys; sys.version_info = ({version}, 0); exec(sys.argv[1])' "$2"
fi
echo "would run $*" >&2
exit 9
"""


@pytest.fixture
def install(tmp_path, repository):
    """A function that installs with a Python of a version; the folder's name has spaces."""
    folder = tmp_path / "OneDrive - University"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(repository / name, folder)

    def run(version: str) -> str:
        python = folder / f"python{version}"
        python.write_text(OTHER.format(python=sys.executable, version=version.replace(".", ",")))
        python.chmod(0o755)
        command = ["make", "install", f"PYTHON={python}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode != 0
        return done.stderr

    run.folder = folder
    return run


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_pythons_with_pins_are_taken(version, install):
    assert "would run -m venv .venv" in install(version)


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.14", "4.0"])
def test_others_are_refused_with_what_to_set(version, install):
    said = install(version)
    assert f"needs Python 3.11, 3.12 or 3.13, and this is {version}: set PYTHON=" in said
    assert not (install.folder / ".venv").exists()


def test_an_environment_of_another_python_is_not_mixed_with(install):
    (install.folder / ".venv" / "bin").mkdir(parents=True)
    python = install.folder / ".venv" / "bin" / "python"
    python.write_text(OTHER.format(python=sys.executable, version="3,11"))
    python.chmod(0o755)
    os.utime(install.folder / "pyproject.toml")
    assert "rm -r .venv" in install("3.13")
    assert "would run -m venv .venv" in install("3.11")


def test_an_environment_whose_python_is_gone_is_named(install):
    """As after an upgrade of the system."""
    (install.folder / ".venv" / "bin").mkdir(parents=True)
    (install.folder / ".venv" / "bin" / "python").symlink_to("/gone/python3.11")
    said = install("3.13")
    assert "rm -r .venv" in said
    assert "No such file" not in said
    command = ["make", "-n", "install"]
    planned = subprocess.run(command, cwd=install.folder, capture_output=True, text=True).stdout
    assert '"python3" -m venv .venv' in planned


@pytest.fixture
def make_try(tmp_path, repository):
    """A function that makes a target with a config; gives exit code, output, what was started."""
    folder = tmp_path / "check out"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(repository / name, folder)
    (folder / ".venv" / ".installed").touch()
    python = folder / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > started\n')
    python.chmod(0o755)

    def run(config: str | None, target: str = "try") -> tuple[int, str, list[str]]:
        given = [] if config is None else [f"CONFIG={config}"]
        environment = {name: value for name, value in os.environ.items() if name != "CONFIG"}
        done = subprocess.run(
            ["make", target, *given], cwd=folder, capture_output=True, text=True, env=environment
        )
        started = folder / "started"
        arguments = started.read_text().splitlines() if started.exists() else []
        return done.returncode, done.stdout + done.stderr, arguments

    run.folder = folder
    return run


@pytest.mark.parametrize("name", ["mine.yaml", 'my lab\'s "new" config.yaml', "a;b&c.yaml"])
def test_detection_is_tried_with_a_config_wherever_it_lies(make_try, name):
    (make_try.folder / name).touch()
    code, _, started = make_try(name)
    assert code == 0
    assert started[:2] == ["scripts/run.py", "try_detection"]
    assert started[-2:] == ["--configfile", name]


def test_suggestions_are_made_by_the_same_config(make_try):
    (make_try.folder / "my config.yaml").touch()
    code, _, started = make_try("my config.yaml", "suggest")
    assert code == 0
    assert started[:2] == ["scripts/run.py", "suggest"]
    assert started[-2:] == ["--configfile", "my config.yaml"]


@pytest.mark.parametrize("target", ["try", "suggest"])
@pytest.mark.parametrize("config", [None, "absent.yaml"])
def test_without_a_config_it_says_how_to_name_one(make_try, config, target):
    code, said, started = make_try(config, target)
    assert code != 0
    assert f"Name your config: make {target} CONFIG=mine.yaml" in said
    assert started == []
