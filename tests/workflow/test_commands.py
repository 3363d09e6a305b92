"""Every command of `cellsift`, run for real on a finished run."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from cellsift.cli import app
from checkout import Checkout

pytestmark = pytest.mark.slow

# What the README has, in the words of the small run.
HERE = {
    "mine.yaml": "small.yaml",
    "features": "small",
    "results/mine/models/features": "results/models/small",
    "data/mouse_1/signal": "brains/mouse_3/signal",
    "data/mouse_1/background": "brains/mouse_3/background",
    "data/mouse_1/cells.csv": "brains/mouse_3/cells.csv",
}
# Those whose examples other tests type: in an installed package, with a release, and of napari.
TYPED_ELSEWHERE = {"init", "check", "run", "release", "models", "export", "view"}
NO_WORK = "Nothing to be done"


class Typed(Checkout):
    """A checkout in which commands are typed."""

    def typed(self, *words: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "cellsift.cli", *map(str, words)],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "scripts"), "SHELL": "/bin/bash"},
            capture_output=True,
            text=True,
        )

    def does(self, *words: object) -> tuple[str, str]:
        """What a command that has to succeed prints, and what it says beside."""
        ended = self.typed(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout, ended.stderr


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory) -> Typed:
    """A finished run; what is taken from it by a test is made again by it."""
    return Typed.copied(finished.folder, tmp_path_factory.mktemp("typed") / "checkout")


@pytest.fixture(scope="module")
def lines(repository) -> dict[str, list[str]]:
    """The words of each command that the README's section has, by its first word."""
    section = (repository / "README.md").read_text().split("## The command line\n")[1]
    typed = re.findall(r"^cellsift (.+)$", section.split("\n## ")[0], flags=re.MULTILINE)
    words = [[HERE.get(word, word) for word in line.split()] for line in typed]
    return {line[0] + (" --try" if "--try" in line else ""): line for line in words}


def test_every_command_stands_in_the_readme(lines, repository):
    readme = (repository / "README.md").read_text()
    for command in [*app.app.registered_commands, *app.app.registered_groups]:
        name = command.name or command.typer_instance.info.name
        assert re.search(rf"^cellsift {name} ", readme, flags=re.MULTILINE), name
    assert {*lines} | TYPED_ELSEWHERE >= {c.name for c in app.app.registered_commands}


@pytest.mark.parametrize("command", ["train", "evaluate", "explain", "report"])
def test_on_a_finished_run_a_command_does_nothing_and_says_so(run, lines, command):
    before = {path: path.stat().st_mtime_ns for path in run.results.rglob("*") if path.is_file()}
    said, beside = run.does(*lines[command])
    assert NO_WORK in beside
    assert len(said.splitlines()) == 1
    assert said.startswith(("Done: results/", "The report is in results/reports/index.html"))
    written = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert not {path for path in written if "logs" not in path.parts}


def test_after_a_change_a_command_does_that_alone(run, lines):
    """Another table of cells asks for the comparison, not for a network."""
    with (run.results / "brains" / "mouse_3" / "small" / "cells.csv").open("a") as cells:
        cells.write("\n")
    _, beside = run.does(*lines["evaluate"])
    assert "1 step to do" in beside
    shutil.rmtree(run.results / "explanations")
    _, beside = run.does(*lines["explain"])
    assert "1 step to do" in beside
    assert (run.results / "explanations" / "small" / "montage.png").is_file()
    (run.results / "models" / "small" / "model.json").unlink()
    _, beside = run.does(*lines["train"])
    assert "1 step to do" in beside


def test_suggest_and_try_say_what_they_found(run, lines):
    _, beside = run.does(*lines["suggest"])
    assert "candidates and 3 blocks to annotate, round 1" in beside
    said, _ = run.does(*lines["detect --try"])
    assert "recall of detection" in said
    assert "results/reports/detection.html" in said


def test_commands_on_volumes_print_json_alone_when_asked(run, lines):
    commands = ("detect", "extract", "classify", "count")
    found = {name: json.loads(run.does(*lines[name], "--json")[0]) for name in commands}
    known = (run.results / "brains" / "mouse_3" / "small" / "cells.csv").read_text().strip()
    assert (run.folder / "cells" / "cells.csv").read_text().strip() == known
    assert found["extract"]["cuboids"] == found["detect"]["candidates"]
    assert found["classify"]["candidates"] == len(known.splitlines()) - 1
    (row,) = found["count"]["counts"].values()
    assert row["cells"] == found["classify"]["cells"]
    labels = json.loads(run.does(*lines["label"], "--json")[0])
    assert labels["candidates"] == found["detect"]["candidates"]


def test_a_run_that_is_refused_and_wrong_words_have_their_codes(run):
    assert run.typed("evaluate", "absent.yaml").returncode == 2
    unknown = run.typed("evaluate", "small.yaml", "--josn")
    assert unknown.returncode == 2
    assert len(unknown.stderr.splitlines()) == 1
    assert "--josn" in unknown.stderr
    table = run.folder / "brains.tsv"
    kept = table.read_text()
    table.write_text(kept.replace("brains/mouse_3/signal", "brains/absent"))
    failed = run.typed("run", "small.yaml")
    table.write_text(kept)
    assert failed.returncode == 1
    assert "brains/absent" in failed.stdout + failed.stderr


def test_a_shell_can_complete_commands(run):
    shell = {"_CELLSIFT_COMPLETE": "complete_bash", "COMP_WORDS": "cellsift cl", "COMP_CWORD": "1"}
    completed = subprocess.run(
        [sys.executable, "-m", "cellsift.cli"],
        cwd=run.folder,
        env=os.environ | {"PYTHONPATH": str(run.folder / "scripts")} | shell,
        capture_output=True,
        text=True,
    )
    assert completed.stdout.split() == ["classify"]
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here to complete for")
    # A shell has to be what started it.
    typed = f"'{sys.executable}' -m cellsift.cli --show-completion; true"
    shown = subprocess.run(
        [bash, "-c", typed],
        env=os.environ | {"PYTHONPATH": str(run.folder / "scripts")},
        capture_output=True,
        text=True,
    )
    assert "complete -o default -F _cellsift_completion cellsift" in shown.stdout


def test_a_benchmark_makes_the_demos_brains(run, lines):
    run.does(*lines["benchmark"])
    assert (run.folder / "results" / "phantom" / "phantom_new" / "signal").is_dir()
