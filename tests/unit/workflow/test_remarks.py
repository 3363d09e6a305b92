"""What jobs remark is seen by who watches the run, also of jobs elsewhere and of earlier runs."""

import logging
from types import SimpleNamespace

import pytest

from cellsift.io.json_files import write_json
from cellsift.workflow.remarks import RemarksOfCluster, told_before

SAID = "brain a: 9 of 10 annotated cells have a candidate"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "label.log"
    path.write_text(f"300 candidates\nNote: {SAID}\nnot a Note: at all\n")
    return path


def run_job(log, on_cluster: bool, local: bool = False) -> None:
    """Report one job as Snakemake does."""
    logger = logging.Logger("of a run")
    logger.addHandler(RemarksOfCluster(lambda: on_cluster))
    begun = {"event": "job_info", "jobid": 4, "local": local, "log": [str(log)]}
    logger.info(" Rule: label", extra=begun)
    for _ in range(2):
        logger.info("Finished jobid: 4", extra={"event": "job_finished", "job_id": 4})


def test_a_remark_of_a_job_on_a_cluster_is_shown_once(log, capfd):
    run_job(log, on_cluster=True)
    assert capfd.readouterr().err == f"Note: {SAID}\n"


@pytest.mark.parametrize(("on_cluster", "local"), [(False, False), (True, True)])
def test_a_job_on_this_machine_shows_its_remarks_itself(log, capfd, on_cluster, local):
    run_job(log, on_cluster, local)
    assert capfd.readouterr().err == ""


def test_a_job_without_a_log_is_no_fault(tmp_path, capfd):
    run_job(tmp_path / "gone.log", on_cluster=True)
    assert capfd.readouterr().err == ""


def a_job(folder, rule: str, brain: str, content: dict | None) -> SimpleNamespace:
    summary = folder / f"{rule}-{brain}.json"
    if content is not None:
        write_json(content, summary)
    return SimpleNamespace(
        rule=SimpleNamespace(name=rule),
        wildcards_dict={"brain": brain},
        output=SimpleNamespace(summary=str(summary)),
    )


class Dag:
    def __init__(self, jobs, again):
        self.jobs, self._again = jobs, again

    def needrun_jobs(self):
        return self._again


def test_a_rerun_shows_detection_of_brains_that_are_not_labelled_again(tmp_path):
    jobs = [Hashable(a_job(tmp_path, "label", b, {"told": [f"brain {b}: found"]})) for b in "cab"]
    other = Hashable(a_job(tmp_path, "preflight", "a", {"told": ["brain a: looked at"]}))
    assert told_before(Dag([*jobs, other], [jobs[2]])) == [
        "Note: brain a: found",
        "Note: brain c: found",
    ]


def test_labels_of_an_older_version_or_lost_are_no_fault(tmp_path):
    jobs = [a_job(tmp_path, "label", "a", {"recall": 1.0}), a_job(tmp_path, "label", "b", None)]
    (tmp_path / "label-c.json").write_text("{")
    jobs.append(a_job(tmp_path, "label", "c", None))
    assert told_before(Dag([Hashable(job) for job in jobs], [])) == []


class Hashable:
    """A job as Snakemake has it, to be found in a set."""

    def __init__(self, job: SimpleNamespace):
        self.__dict__.update(vars(job))
