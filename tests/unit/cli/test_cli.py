"""The command line on made-up volumes."""

import json
import subprocess
import sys

import pytest
import tifffile

from cellsift.cli import benchmark, main, models
from cellsift.cli.app import app
from cellsift.phantom import make_brain, write_brain
from cellsift.phantom.settings import BrainSettings

COMMANDS = [
    "init",
    "check",
    "run",
    "train",
    "evaluate",
    "explain",
    "suggest",
    "report",
    "detect",
    "extract",
    "label",
    "classify",
    "count",
    "view",
    "release",
    "export",
    "models list",
    "models show",
    "models fetch",
    "models check",
    "benchmark costs",
    "benchmark coverage",
    "benchmark rehearsal",
    "benchmark starts",
    "benchmark phantom",
]
GROUPS = {"models": models.app, "benchmark": benchmark.app}
# Lines of a terminal of 80 columns that one can take in at once.
SCREEN = 50


def cellsift(*arguments) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def brain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("brains") / "mouse_1"
    write_brain(make_brain(1, BrainSettings(shape=(30, 120, 140), cells=60)), folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_in_its_help_of_one_screen(command, capsys):
    assert cellsift(*command.split(), "--help") == 0
    said = capsys.readouterr().out
    assert f"Example: cellsift {command}" in " ".join(said.split())
    assert "python -m cellsift.phantom" not in said
    assert len(said.splitlines()) <= SCREEN


@pytest.mark.parametrize("group", ["", "models", "benchmark"])
def test_groups_of_commands_have_an_example_too(group, capsys):
    assert cellsift(*group.split(), "--help") == 0
    said = capsys.readouterr().out
    assert "Example: cellsift" in said
    assert len(said.splitlines()) <= SCREEN


def test_no_command_is_left_out_here():
    of_groups = {
        f"{group} {c.name or c.callback.__name__}"
        for group, one in GROUPS.items()
        for c in one.registered_commands
    }
    assert {c.name for c in app.registered_commands} | of_groups == set(COMMANDS)


def test_help_loads_no_library_of_arrays_or_networks():
    code = "import sys, cellsift.cli.app; print([m for m in ('torch', 'numpy', 'pandas', "
    code += "'snakemake') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_init_writes_a_project_that_check_accepts(brain, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dry = cellsift("init", brain, "--voxel-size", 5, 2, 2, "--dry-run")
    assert dry == 0
    assert not list(tmp_path.iterdir())
    assert cellsift("init", brain, "--voxel-size", 5, 2, 2) == 0
    capsys.readouterr()
    code = cellsift("check", "mine.yaml", "--json")
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert code == 0, told
    assert found["usable"]
    assert found["brains"]["mouse_1"]["signal"]["shape"] == [30, 120, 140]
    before = (tmp_path / "mine.tsv").read_text()
    assert cellsift("init", brain) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "mine.tsv").read_text() == before


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--slurm"], ["--profile", "mine"]])
def test_a_run_is_started_with_the_profile_that_is_asked_for(brain, tmp_path, monkeypatch, more):
    """What is not known to the command goes to Snakemake: here, up to where it plans."""
    monkeypatch.chdir(tmp_path)
    assert cellsift("init", brain, "--voxel-size", 5, 2, 2) == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yaml").write_text("cores: 1\n")
    command = [sys.executable, "-m", "cellsift.cli", "run", "mine.yaml", "--dry-run", *more]
    ended = subprocess.run([*command, "--until", "check_volumes"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    wanted = {"--slurm": "profiles/slurm", "--profile": "mine"}.get(
        "".join(more[:1]), "profiles/local"
    )
    (used,) = [line for line in ended.stderr.splitlines() if line.startswith("Using profile ")]
    assert f"{wanted} for setting" in used
    assert "check_volumes" in ended.stdout
    assert "accept_volumes" not in ended.stdout


def test_a_voxel_size_that_nothing_states_has_to_be_filled_in(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", make_brain(1, BrainSettings(shape=(30, 60, 70), cells=9)).signal)
    assert cellsift("init", "a.tif") == 0
    assert cellsift("check", "mine.yaml") == 2
    assert "voxel_z" in capsys.readouterr().err
    assert cellsift("detect", "a.tif") == 2
    assert "--voxel-size" in capsys.readouterr().err


def test_detect_writes_candidates_or_says_what_it_would_write(brain, tmp_path, capsys):
    out = tmp_path / "candidates.csv"
    given = ["detect", brain / "signal", "--voxel-size", 5, 2, 2, "--out", out, "--json"]
    assert cellsift(*given, "--dry-run") == 0
    assert json.loads(capsys.readouterr().out) == {"would_write": [str(out)]}
    assert not out.exists()
    assert cellsift(*given, "--set", "soma_diameter=16") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["candidates"] == len(out.read_text().splitlines()) - 1 > 10
    assert cellsift(*given, "--set", "no_such=1") == 2
    assert "no_such" in capsys.readouterr().err


def test_wrong_use_is_told_by_2(capsys):
    assert cellsift("detect") == 2
    assert cellsift("no_such_command") == 2
    assert cellsift("check", "absent.yaml") == 2
    assert "absent.yaml" in capsys.readouterr().err
