"""What the README tells people to type works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cellsift.arm_settings import read_arm
from cellsift.models import list_models
from cellsift.phantom import make_brain, write_brain
from cellsift.phantom.settings import BrainSettings

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


def blocks(text: str, language: str = "") -> list[str]:
    """The code blocks of a page."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def readme(repository) -> str:
    return (repository / "README.md").read_text()


def test_make_lists_its_targets(repository, readme):
    listed = subprocess.run(["make"], cwd=repository, capture_output=True, text=True, check=True)
    for target in re.findall(r"^make (\w+)", readme, flags=re.MULTILINE):
        assert re.search(rf"^{target}\s+\w", listed.stdout, flags=re.MULTILINE), target


def planned_by(target: str, checkout, repository: Path) -> str:
    """What the workflow would do for a target of make, in a checkout."""
    made = subprocess.run(
        ["make", "-n", target], cwd=repository, capture_output=True, text=True, check=True
    )
    command = next(line for line in made.stdout.splitlines() if "scripts/run.py" in line)
    arguments = command.split("scripts/run.py", 1)[1].split()
    dry = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--dry-run", "--quiet", "host"],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
    )
    assert dry.returncode == 0, dry.stdout + dry.stderr
    return dry.stdout


def test_the_demo_is_the_shipped_config(new_checkout, repository):
    assert "report_index" in planned_by("demo", new_checkout(), repository)


def test_the_arena_plans_to_train_every_architecture_and_to_compare_them(new_checkout, repository):
    checkout = new_checkout()
    planned = planned_by("arena", checkout, repository)
    arms = set(re.findall(r"wildcards: arm=(\w+), fold=0", planned))
    assert {read_arm(arm).architecture for arm in arms} == set(list_models()) - {"ensemble"}
    assert "rule combine:" in planned
    assert "rule pretrain:" in planned
    assert "rule evaluate:" in planned


def test_commands_for_an_own_brain_are_accepted(new_checkout, readme):
    folder = new_checkout().folder
    shutil.copy(folder / "config" / "brains.tsv", folder / "mine.tsv")
    config = yaml.safe_load((folder / "config" / "config.yaml").read_text())
    (folder / "mine.yaml").write_text(yaml.safe_dump(config | {"brains_table": "mine.tsv"}))
    lines = [line for block in blocks(readme) for line in block.splitlines()]
    # Those of conda are tested where there is a conda.
    commands = [line.split() for line in lines if "mine.yaml" in line and "--sdm" not in line]
    assert {Path(command[0]).name for command in commands} == {"snakemake"}
    assert len(commands) == 2
    for command in commands:
        dry = subprocess.run(
            [str(BIN / "snakemake"), *command[1:], "--dry-run"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert dry.returncode == 0, dry.stdout + dry.stderr
        assert "report_index" in dry.stdout


def test_the_way_to_start_a_strangers_config_runs_none_of_its_code(new_checkout, readme):
    folder = new_checkout().folder
    (folder / "mine.yaml").write_text("__use_yte__: true\narms: ?open('sprung', 'w')\n")
    (start,) = re.findall(r"config from somebody else .* by `\.venv/bin/([^`]+)`", readme)
    (line,) = [
        line for block in blocks(readme) for line in block.splitlines() if "results/mine" in line
    ]
    arguments = line.split()[1:]
    refused = subprocess.run(
        [str(BIN / start.split()[0]), *start.split()[1:], *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert refused.returncode != 0
    assert "mine.yaml" in refused.stderr
    assert "run as code" in refused.stderr
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize(
    "page", ["config/README.md", *(f"config/examples/{n}/README.md" for n in ("cfos", "cortex"))]
)
def test_commands_of_the_configs_pages_are_accepted(new_checkout, repository, page):
    folder = new_checkout().folder
    shutil.copy(folder / "config" / "config.yaml", folder / "mine.yaml")
    text = (repository / page).read_text()
    commands = [
        line for block in blocks(text) for line in block.splitlines() if "snakemake" in line
    ]
    assert commands
    for command in commands:
        dry = subprocess.run(
            [str(BIN / "snakemake"), *command.split()[1:], "--dry-run"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert dry.returncode == 0, dry.stdout + dry.stderr


def test_python_example_runs(tmp_path, repository, readme):
    brain = make_brain(1, BrainSettings(shape=(44, 260, 320), cells=200))
    write_brain(brain, tmp_path / "results" / "phantom" / "phantom_a")
    (example,) = blocks(readme, "python")
    run = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository / "scripts")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert re.search(
        r"\d+% of the annotated cells have a candidate\n\d+ candidates are called cells", run.stdout
    )
    assert (tmp_path / "results" / "mine" / "explanation" / "montage.png").exists()


def test_files_that_pages_link_to_exist(repository):
    for page in (repository / "README.md", repository / "config" / "README.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), target
