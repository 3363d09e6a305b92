"""The chain on a real SLURM: slurmctld and slurmd on this machine, `snakemake --profile slurm`."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from comparison import assert_same_tables

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--profile", "slurm"]
# Of the small chain: the rules that want a GPU.
ON_GPU = {"train", "classify", "explain", "cost"}


class Cluster:
    """SLURM under a folder: what it has done, and runs of the workflow on it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def records(self) -> list[dict[str, str]]:
        """The scheduler's own record of every finished job."""
        log = self.folder / "log" / "jobcomp.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines]

    def running(self) -> list[str]:
        """Numbers of the jobs that run now."""
        asked = ["squeue", "--noheader", "--states=RUNNING", "--format=%i"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()

    def start(self, checkout, *arguments: str) -> subprocess.Popen:
        paths = (str(checkout.folder / "scripts"), str(HERE / "fastpoll"))
        return subprocess.Popen(
            [*SNAKEMAKE, "--configfile", "small.yaml", "--latency-wait", "5", *arguments],
            cwd=checkout.folder,
            env=os.environ | {"PYTHONPATH": ":".join(paths), "SLURM_TEST_POLL": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, checkout, *arguments: str) -> tuple[int, str]:
        """Exit code and output of a run."""
        process = self.start(checkout, *arguments)
        output, _ = process.communicate(timeout=900)
        return process.returncode, output


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
        pytest.skip("a SLURM of its own needs root on Debian or Ubuntu")
    folder = Path("/tmp/local-slurm-of-cellsift")
    script = [str(HERE / "start-local-slurm.sh"), "--dir", str(folder)]
    started = subprocess.run(script, capture_output=True, text=True)
    assert started.returncode == 0, started.stdout + started.stderr
    yield Cluster(folder)
    subprocess.run([str(HERE / "stop-local-slurm.sh"), "--dir", str(folder)], check=True)


@pytest.fixture(scope="module")
def killed_and_finished(cluster, new_checkout):
    """A run on the cluster whose Snakemake was killed in the middle and started again."""
    checkout = new_checkout()
    first = cluster.start(checkout)
    while first.poll() is None and not list(checkout.results.glob("brains/*/candidates.csv")):
        time.sleep(0.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    unlocked, output = cluster.run(checkout, "--unlock")
    assert unlocked == 0, output
    code, output = cluster.run(checkout)
    assert code == 0, output
    return checkout


def jobs_by_rule(checkout) -> dict[str, set[str]]:
    """Numbers of the SLURM jobs of each rule, as the workflow's logs name them."""
    jobs: dict[str, set[str]] = {}
    for log in (checkout.folder / ".snakemake" / "slurm_logs").rglob("*.log"):
        kind = log.relative_to(checkout.folder / ".snakemake" / "slurm_logs").parts[0]
        jobs.setdefault(kind.removeprefix("rule_"), set()).add(log.stem)
    return jobs


def test_the_cluster_gives_the_tables_of_one_machine(killed_and_finished, finished):
    assert_same_tables(finished.results, killed_and_finished.results)


def test_jobs_ran_where_they_should_and_had_their_gpus(killed_and_finished, cluster):
    records = {record["JobId"]: record for record in cluster.records()}
    jobs = jobs_by_rule(killed_and_finished)
    assert jobs.keys() >= ON_GPU
    for rule, numbers in jobs.items():
        for number in numbers & records.keys():
            record = records[number]
            assert record["Partition"] == ("gpu" if rule in ON_GPU else "cpu"), rule
            assert ("gres/gpu=1" in record["Tres"]) == (rule in ON_GPU), rule
    assert jobs["train"] & records.keys()


def test_small_steps_share_jobs(killed_and_finished):
    jobs = jobs_by_rule(killed_and_finished)
    assert not jobs.keys() & {"preflight", "projection", "keep_candidates", "label"}
    assert len(set.union(*jobs.values())) < 60


def test_a_gpu_job_without_a_gpu_says_so(killed_and_finished, cluster):
    checkout = killed_and_finished
    weights = "results/models/small/fold-0.safetensors"
    checkout.write_config("small.yaml", device="auto")
    try:
        code, output = cluster.run(checkout, "--retries", "0", "--forcerun", "train", "--", weights)
    finally:
        checkout.write_config("small.yaml")
    assert code != 0
    log = (checkout.results / "logs" / "train" / "small" / "fold-0.log").read_text()
    assert "device 'cuda' was asked for, but torch" in log


def test_a_cancelled_job_is_tried_again(killed_and_finished, cluster):
    table = "results/brains/mouse_1/projection.npz"
    process = cluster.start(killed_and_finished, "--forcerun", "projection", "--", table)
    while process.poll() is None and not (running := cluster.running()):
        time.sleep(0.2)
    subprocess.run(["scancel", running[0]], check=True)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    states = {r["JobId"]: r["JobState"] for r in cluster.records()}
    assert states[running[0]] == "CANCELLED"
    assert list(states.values())[-1] == "COMPLETED"


def test_a_job_over_its_memory_comes_back_with_more(killed_and_finished, cluster):
    before = len(cluster.records())
    table = "results/evaluation/cost/small.json"
    little = ["--set-resources", "cost:mem_mb=attempt * 300"]
    code, output = cluster.run(killed_and_finished, *little, "--forcerun", "cost", "--", table)
    assert code == 0, output
    records = cluster.records()[before:]
    memory = [int(re.search(r"mem=(\d+)M", record["Tres"])[1]) for record in records]
    assert [record["JobState"] for record in records][0] != "COMPLETED"
    assert records[-1]["JobState"] == "COMPLETED"
    assert memory == sorted(set(memory))
