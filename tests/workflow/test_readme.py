"""What the README tells people to type works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cellsift.models import list_models
from cellsift.phantom import make_brain, write_brain
from cellsift.phantom.settings import BrainSettings
from cellsift.project.arms import read_arm

pytestmark = pytest.mark.slow

EXAMPLES = ("cfos", "cortex")

# How runs on this machine are started, and those on a cluster.
LOCAL = ".venv/bin/python scripts/run.py "
CLUSTER = "snakemake "


def blocks(text: str, language: str = "") -> list[str]:
    """The code blocks of a page."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, flags=re.MULTILINE | re.DOTALL)
    return [content for name, content in found if name == language]


def commands(text: str) -> list[str]:
    """The lines of a page's code blocks that start the workflow."""
    lines = [line.strip() for block in blocks(text) for line in block.splitlines()]
    return [line for line in lines if line.startswith((LOCAL, CLUSTER))]


def as_typed(command: str, checkout, *more: str) -> subprocess.CompletedProcess:
    """Run one of these commands in a checkout, with the Python of the tests as its .venv."""
    venv = checkout.folder / ".venv"
    if not venv.exists():
        venv.symlink_to(sys.prefix)
    line = command if command.startswith(LOCAL) else f".venv/bin/python -m {command}"
    return subprocess.run(
        [*line.split(), *more],
        cwd=checkout.folder,
        env=os.environ | {"PYTHONPATH": str(checkout.folder / "scripts")},
        capture_output=True,
        text=True,
    )


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
    checkout = new_checkout()
    folder = checkout.folder
    shutil.copy(folder / "config" / "brains.tsv", folder / "mine.tsv")
    config = yaml.safe_load((folder / "config" / "config.yaml").read_text())
    (folder / "mine.yaml").write_text(yaml.safe_dump(config | {"brains_table": "mine.tsv"}))
    # Those of conda are tested where there is a conda.
    typed = [c for c in commands(readme) if "mine.yaml" in c and "--sdm" not in c]
    assert len(typed) == 2
    for command in typed:
        dry = as_typed(command, checkout, "--dry-run")
        assert dry.returncode == 0, dry.stdout + dry.stderr
        assert "report_index" in dry.stdout


def test_there_is_one_way_to_start_on_this_machine_and_one_on_a_cluster(repository):
    pages = ["README.md", "config/README.md", *(f"config/examples/{n}/README.md" for n in EXAMPLES)]
    typed = [c for page in pages for c in commands((repository / page).read_text())]
    assert len(typed) >= 9
    for command in typed:
        profile = "workflow/profiles/local" if command.startswith(LOCAL) else "slurm"
        assert f"--profile {profile}" in command or "--conda-create-envs-only" in command, command


def test_the_way_to_start_a_run_runs_no_code_of_a_strangers_config(new_checkout, readme):
    checkout = new_checkout()
    (checkout.folder / "mine.yaml").write_text("__use_yte__: true\narms: ?open('sprung', 'w')\n")
    (line,) = [c for c in commands(readme) if c.startswith(LOCAL) and "mine.yaml" in c]
    refused = as_typed(line, checkout)
    assert refused.returncode != 0
    assert "mine.yaml" in refused.stderr
    assert "run as code" in refused.stderr
    assert not (checkout.folder / "sprung").exists()


@pytest.mark.parametrize(
    "page", ["config/README.md", *(f"config/examples/{name}/README.md" for name in EXAMPLES)]
)
def test_commands_of_the_configs_pages_are_accepted(new_checkout, repository, page):
    checkout = new_checkout()
    shutil.copy(checkout.folder / "config" / "config.yaml", checkout.folder / "mine.yaml")
    typed = commands((repository / page).read_text())
    assert typed
    for command in typed:
        dry = as_typed(command, checkout, "--dry-run")
        assert dry.returncode == 0, dry.stdout + dry.stderr


def test_the_lines_for_those_without_make_do_what_make_does(repository, readme):
    """Less the tools of the tests, and quietly."""
    without = next(block for block in blocks(readme) if "pip install" in block)
    made = subprocess.run(
        ["make", "-n", "-W", "pyproject.toml", "demo"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # Make sets up with the Python that is asked for.
    made = re.sub(r'^"[^"]+" -m venv', "python3 -m venv", made, flags=re.MULTILINE)
    loud = re.sub(r" --quiet| --disable-pip-version-check| --progress-bar off", "", made)
    lines = loud.replace("'.[test]'", ".").splitlines()
    wanted = [line.strip() for line in without.splitlines()]
    assert len(wanted) == 4
    assert [line for line in lines if line in wanted] == wanted
    assert {line for line in lines if line.startswith((".venv/", "python3 -m"))} == set(wanted)


def test_the_files_to_start_from_are_a_run_as_the_steps_say(checkout_in, readme):
    """Copied as told, with the volumes and annotations of its brains in their places."""
    checkout = checkout_in("own")
    for ending in ("tsv", "yaml"):
        assert f"copy `config/start.{ending}` to `mine.{ending}`" in readme
        shutil.copy(checkout.folder / f"config/start.{ending}", checkout.folder / f"mine.{ending}")
    rows = [checkout.row(*row) for row in (("mouse_1", "train", "brains/mouse_1/cells.csv"),)]
    head = (checkout.folder / "mine.tsv").read_text().split("mouse_1")[0]
    (checkout.folder / "mine.tsv").write_text(head + "\n".join(rows) + "\n")
    (line,) = [c for c in commands(readme) if c.startswith(LOCAL) and "mine.yaml" in c]
    dry = as_typed(line, checkout, "--dry-run")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert "tune_detection" in dry.stdout
    assert "results/mine" in (checkout.folder / "mine.yaml").read_text()


def test_the_suggestion_for_a_volume_runs_as_it_stands_there(tmp_path, repository):
    text = (repository / "config" / "README.md").read_text()
    typed = [line.strip() for block in blocks(text) for line in block.splitlines()]
    (line,) = [line for line in typed if "cellsift.training.detection" in line]
    brain = make_brain(1, BrainSettings(shape=(30, 150, 180), cells=80))
    write_brain(brain, tmp_path / "results" / "phantom" / "phantom_a")
    run = subprocess.run(
        [sys.executable, *line.split()[1:]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository / "scripts")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert yaml.safe_load(run.stdout)["detection"]["method"] == "dog"
    assert "Unchecked" in run.stdout


def test_python_example_runs(tmp_path, repository, readme):
    brain = make_brain(1, BrainSettings(shape=(44, 260, 320), cells=200))
    write_brain(brain, tmp_path / "results" / "phantom" / "phantom_a")
    (example,) = [block for block in blocks(readme, "python") if "train_arm" in block]
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
    (folder,) = set((tmp_path / "results").iterdir()) - {tmp_path / "results" / "phantom"}
    assert (folder / "explanation" / "montage.png").exists()
    # Not where the README's run of one's own brain has its results.
    assert f"results={folder.relative_to(tmp_path)} " not in readme.replace("\n", " ")


def test_files_that_pages_link_to_exist(repository):
    pages = ("README.md", "config/README.md", "CONTRIBUTING.md", "CHANGELOG.md")
    for page in (repository / name for name in pages):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), target
