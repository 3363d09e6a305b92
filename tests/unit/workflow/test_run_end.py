"""The last words of a run name what it has made."""

import logging
import os
from pathlib import Path
from types import SimpleNamespace

from snakemake.common import NOTHING_TO_BE_DONE_MSG

from cellsift.io.json_files import write_json
from cellsift.results import Results
from cellsift.settings.draft import MEANING
from cellsift.workflow.run_end import (
    NothingToDo,
    failure_message,
    files_aimed_at,
    renew_index,
    success_message,
)


def write(*files: str) -> None:
    for file in map(Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")


def test_a_report_is_named_where_it_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report, page = "results/reports/index.html", "results/reports/brains/a.html"
    write(report, page)
    assert success_message("results", [page, report]).startswith(f"The report is in {report}")


def test_a_draft_is_told_as_one_whatever_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = "results/reports/index.html"
    write(report)
    for files in ([report], []):
        said = success_message("results", files, draft=True)
        assert said == f"{success_message('results', files)}\n{MEANING}"
    assert "not for publication" in MEANING
    assert "mode: crossval" in MEANING


def test_a_release_is_named_beside_the_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report, released = "results/reports/index.html", "results/release/released.json"
    write(report)
    entry = {"name": "cfos", "version": "1.2.0", "file": "cfos-1.2.0.zip"}
    Path(released).parent.mkdir(parents=True)
    write_json(entry, Path(released))
    said = success_message("results", [report, released]).splitlines()
    assert said[0] == success_message("results", [report])
    assert said[1].startswith("results/releases/cfos-1.2.0.zip is the model cfos@1.2.0")


def test_a_browser_finds_the_report_in_a_folder_with_spaces(tmp_path, monkeypatch):
    folder = tmp_path / "OneDrive - University"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write("results/reports/index.html")
    said = success_message("results", ["results/reports/index.html"])
    assert f"file://{tmp_path}/OneDrive%20-%20University/results/reports/index.html" in said


def test_single_targets_are_named_and_no_report(tmp_path, monkeypatch):
    """Nor one that an earlier run has left."""
    monkeypatch.chdir(tmp_path)
    target = "results/brains/a/candidates.csv"
    for files in ([target], [target, "results/reports/index.html"]):
        write(*files)
        assert success_message("results", [target]) == f"Done: {target}"


def test_many_files_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [f"results/brains/{name}/candidates.csv" for name in "abcde"]
    write(*files)
    assert success_message("results", files) == f"Done: {', '.join(files[:3])} and 2 more"


def test_what_is_gone_again_is_not_named(tmp_path, monkeypatch):
    """As a file that only other jobs needed."""
    monkeypatch.chdir(tmp_path)
    assert success_message("results", ["results/brains/a/candidates.csv"]) == "Done."


def test_a_failed_run_says_where_more_is_to_be_read():
    said = failure_message("results")
    assert "results/logs has the whole story" in said
    assert said.endswith("the run goes on where it stopped.")


def test_a_run_with_nothing_to_do_says_where_the_report_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    report = "results/reports/index.html"
    write(report)
    everything = SimpleNamespace(output=[], input=[report])
    dag = SimpleNamespace(targetjobs=[everything])
    logger = logging.Logger("snakemake")
    logger.addHandler(NothingToDo(lambda: success_message("results", files_aimed_at(dag))))
    logger.info("Building DAG of jobs...")
    assert capsys.readouterr().out == ""
    logger.info(NOTHING_TO_BE_DONE_MSG)
    assert capsys.readouterr().out.startswith(f"The report is in {report}")


def test_alarms_that_came_after_the_index_page_are_written_into_it(tmp_path):
    results, roles = Results(tmp_path), {"new": "predict"}
    page, alarm = results.index_page, results.brain("new").alarm
    alarm.parent.mkdir(parents=True)
    renew_index(results, roles)
    write(str(page))
    page.write_text("<!-- alarms --><!-- end of alarms -->")
    write_json({"alarm": True, "raised": ["tissue"], "reasons": ["Its tissue."]}, alarm)
    os.utime(alarm, ns=(0, 0))
    renew_index(results, roles)
    assert "new" not in page.read_text()
    os.utime(alarm)
    os.utime(page, ns=(0, 0))
    renew_index(results, roles)
    assert "brains/new.html" in page.read_text()
