"""Two checkouts are measured side by side: what counts, what is refused, what the page says."""

import os
import re
import subprocess
import sys

import pytest

from cellsift.benchmarks.starts.__main__ import main, measure
from cellsift.benchmarks.starts.adapters import start_all, without_work, write_starts
from cellsift.benchmarks.starts.checkout import Side, copied
from cellsift.benchmarks.starts.large_project import ARMS, write_large_project
from cellsift.benchmarks.starts.measuring import Took, timed
from cellsift.benchmarks.starts.page import describe
from cellsift.benchmarks.starts.parts import Options, phantoms_of, take_arms
from cellsift.errors import InputError
from cellsift.project.reading import read_project
from cellsift.settings.files import REPOSITORY, read_yaml

BURN = "import time\nwhile time.process_time() < 0.3: pass"
ADAPTER = '''"""Adapter of the rule nap."""

import time

from cellsift.workflow.job import job

naps = 3

with job(snakemake.log[0], snakemake.wildcards):
    time.sleep(naps)
    raise ValueError("worked")
'''


def test_the_cpu_seconds_of_children_count_and_sleeping_does_not(tmp_path):
    child = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {BURN!r}])"
    took = timed([sys.executable, "-c", f"{child}\ntime.sleep(0.5)"], tmp_path, os.environ)
    assert 0.3 <= took.cpu < 0.3 + 0.5
    assert took.wall > 0.8


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path):
    failing = "import sys; print('the reason'); sys.exit(3)"
    with pytest.raises(InputError, match=r"(?s)ended with 3.*the reason"):
        timed([sys.executable, "-c", failing], tmp_path, os.environ)


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the least that it needs, one adapter, and results of somebody."""
    folder = tmp_path / "checkout"
    files = {
        "workflow/Snakefile": "",
        "scripts/run.py": "",
        "scripts/cellsift/__init__.py": "VALUE = 1\n",
        "scripts/nap.py": ADAPTER,
        ".gitignore": "results/\n",
        "results/precious.txt": "precious",
        "reports/starts.md": "before",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def test_a_copy_has_what_git_knows_with_edits_and_no_results(checkout, tmp_path):
    whole = copied("other", checkout, tmp_path / "copy")
    assert not (whole.folder / "results").exists()
    assert "edits" not in whole.commit
    assert re.fullmatch(rf"{whole.revision}, \d{{4}}-\d\d-\d\d", whole.commit)
    (checkout / "reports" / "starts.md").write_text("An earlier measurement's page, not measured.")
    assert copied("other", checkout, tmp_path / "page").commit == whole.commit
    (checkout / "scripts" / "cellsift" / "__init__.py").write_text("VALUE = 2\n")
    edited = copied("other", checkout, tmp_path / "edited")
    assert edited.answer("-c", "import cellsift; print(cellsift.VALUE)") == "2\n"
    assert edited.commit == f"{whole.commit}, with edits"
    assert edited.revision == f"{whole.revision}, with edits"


def test_what_is_no_checkout_is_refused_and_no_page_is_written(checkout, tmp_path, capsys):
    page = tmp_path / "starts.md"
    arguments = ["--page", str(page), "--only", "jobs"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([str(empty), *arguments]) == 2
    assert "no checkout of cellsift: it has no workflow/Snakefile" in capsys.readouterr().err
    (checkout / ".git").rename(tmp_path / "gone")
    assert main([str(checkout), *arguments]) == 2
    assert "git does not know it" in capsys.readouterr().err
    assert not page.exists()


def test_a_side_that_cannot_do_a_part_is_named_and_no_page_is_written(checkout, tmp_path, capsys):
    page = tmp_path / "starts.md"
    (checkout / "workflow" / "Snakefile").write_text("raise ValueError('not today')\n")
    assert main([str(checkout), "--page", str(page), "--only", "plan", "--brains", "3"]) == 2
    said = capsys.readouterr().err
    assert "other (" in said
    assert "not today" in said
    assert not page.exists()


def test_an_adapter_starts_and_does_not_work():
    source = without_work(ADAPTER)
    assert "import time" in source
    assert "job(snakemake.log[0]" in source
    assert "naps = 3" in source
    assert "sleep" not in source
    assert without_work("import sys\nwith open('x') as file: pass\n") is None


def test_jobs_start_as_snakemake_starts_them(tmp_path):
    side = Side("this", tmp_path, "now")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "cellsift").symlink_to(REPOSITORY / "scripts" / "cellsift")
    (scripts / "nap.py").write_text(ADAPTER)
    (scripts / "burn.py").write_text(ADAPTER.replace("naps = 3", BURN))
    assert write_starts(side, tmp_path / "starts") == ["burn", "nap"]
    took = start_all(side, tmp_path / "starts")
    assert set(took) == {"burn", "nap"}
    assert 0.3 <= took["burn"].cpu < 3
    assert 0 < took["nap"].cpu < took["burn"].cpu
    assert took["burn"].wall > 0.29


def test_the_large_project_is_one_and_its_brains_have_files_of_their_own(tmp_path, monkeypatch):
    config = write_large_project(tmp_path / "large", tmp_path, 5)
    monkeypatch.chdir(tmp_path)
    project = read_project(config)
    assert list(project.arms) == ARMS
    assert len(ARMS) == 10
    assert [brain.role for brain in project.brains.values()] == [
        *["train", "train", "test"],
        *["predict", "predict"],
    ]
    volumes = {brain.signal for brain in project.brains.values()}
    assert len({(tmp_path / path).read_bytes() for path in volumes}) == 5


DEMO = {
    "scripts/run.py": """
import sys
from pathlib import Path

if "--dry-run" not in sys.argv:
    assert [path.name for path in Path("results").iterdir()] == ["phantom"]
    assert Path("results/phantom/mouse").is_file()
    assert not Path(".snakemake").exists()
    Path("results/made").mkdir()
    Path(".snakemake").mkdir()
""",
    "scripts/cellsift/phantom.py": """
import sys
from pathlib import Path

folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for name in sys.argv[3:]:
    (folder / name).touch()
""",
    "brains.tsv": "brain\trole\tsignal\tvoxel_z\tvoxel_y\tvoxel_x\n"
    "mouse\tpredict\tresults/phantom/mouse\t5\t2\t2\n",
}


def test_each_run_of_the_demo_begins_with_the_made_up_brains_alone(checkout, tmp_path):
    for name, text in DEMO.items():
        (checkout / name).write_text(text)
    git(checkout, "add", ".")
    config = tmp_path / "demo.yaml"
    config.write_text("brains_table: brains.tsv\n")
    sides = [copied(name, checkout, tmp_path / name) for name in ("other", "this")]
    found = measure(sides, ["demo"], 2, Options(config, 3, tmp_path / "shared"))
    rows = found["demo"]["the demo's workflow"]
    assert {side: len(took) for side, took in rows.items()} == {"other": 2, "this": 2}


def test_the_demo_needs_the_made_up_brains_of_its_table():
    config = read_yaml(REPOSITORY / "config" / "config.yaml")
    assert "phantom_test" in phantoms_of(REPOSITORY, config)


@pytest.mark.parametrize("folder", ["arms", "models"])
def test_both_sides_have_the_arms_beside_the_config_whatever_their_folder_is_called(
    folder, tmp_path
):
    for side, name in (("other", folder), ("this", "arms")):
        arms = tmp_path / side / "config" / name
        arms.mkdir(parents=True)
        for arm in ("small", "large"):
            (arms / f"{arm}.yaml").write_text(side)
    config = tmp_path / "other" / "config" / "config.yaml"
    config.write_text("arms: [small]\n")
    for side in ("other", "this"):
        take_arms(config, tmp_path / side)
    found = {path.stem: path.read_text() for path in (tmp_path / "this/config/arms").iterdir()}
    assert found == {"small": "other", "large": "this"}


def test_the_page_has_medians_ends_and_ratios_and_says_what_is_missing():
    measured = {
        "plan": {
            "`snakemake -n`": {
                "other": [Took(20, 30), Took(22, 40), Took(21, 35)],
                "this": [Took(10.5, 9), Took(8, 9), Took(12, 12)],
            }
        },
        "jobs": {"`classify`": {"this": [Took(0.5, 0.7)]}},
    }
    page = describe(measured, {"other": "abc", "this": "def, with edits"}, "2026-01-01; a CPU", 3)
    row = "| `snakemake -n` | 21.0 (20.0 to 22.0) | 10.5 (8.00 to 12.0) | 0.50 | "
    assert row + "35.0 (30.0 to 40.0) | 9.00 (9.00 to 12.0) | 0.26 |" in page
    assert "| `classify` | has none | 0.50 |  | has none | 0.70 |  |" in page
    assert "Not measured this time: demo, nothing." in page
    assert "other: abc; this: def, with edits" in page
    assert "2026-01-01; a CPU" in page


@pytest.mark.slow
def test_both_sides_plan_and_finish_a_project(tmp_path):
    page = tmp_path / "starts.md"
    arguments = ["--only", "plan", "nothing", "--brains", "3", "--repeats", "1"]
    assert main([str(REPOSITORY), *arguments, "--page", str(page)]) == 0
    rows = [line for line in page.read_text().splitlines() if "3 brains, 10 arms" in line]
    assert len(rows) == 2
    assert "has none" not in page.read_text()
