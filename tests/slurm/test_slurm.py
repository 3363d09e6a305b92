"""The chain on a real SLURM: slurmctld and slurmd on this machine, `snakemake --profile slurm`."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile

from comparison import assert_same_tables

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--profile", "slurm"]
# Of the small chain: the rules that want a GPU.
ON_GPU = {"train", "score_chunk", "classify", "explain", "cost"}
UNFINISHED = {"PENDING", "RUNNING", "COMPLETING"}
# One brain is cut into slabs and chunks.
DIVIDED = {"brains": {"mouse_3": {"jobs_per_brain": {"detection": 3, "cuboids": 2}}}}


class Cluster:
    """SLURM under a folder: what it has done, and runs of the workflow on it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def records(self) -> list[dict[str, str]]:
        """What the scheduler knows of every job; Comment begins with the rule's name."""
        asked = ["scontrol", "--oneliner", "show", "jobs"]
        shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        return [
            dict(re.findall(r"(\w+)=(\S+)", line)) for line in shown.splitlines() if "=" in line
        ]

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
    checkout.write_config("small.yaml", **DIVIDED)
    first = cluster.start(checkout)
    while first.poll() is None and not list(checkout.results.glob("brains/*/candidates.csv")):
        time.sleep(0.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    # As the README says: end what it left, free the folder, start again.
    left = {record["JobName"] for record in cluster.records() if record["JobState"] in UNFINISHED}
    for name in left:
        subprocess.run(["scancel", f"--name={name}"], check=True)
    unlocked, output = cluster.run(checkout, "--unlock")
    assert unlocked == 0, output
    code, output = cluster.run(checkout)
    assert code == 0, output
    return checkout


def test_the_cluster_gives_the_tables_of_one_machine(killed_and_finished, finished):
    assert_same_tables(finished.results, killed_and_finished.results)


def test_jobs_ran_where_they_should_and_had_their_gpus(killed_and_finished, cluster):
    """The scheduler's own record; small steps share jobs."""
    records = cluster.records()
    done, listed = set(), Counter()
    for record in records:
        rule = re.match(r"rule_(.+?)(_wildcards|$)", record["Comment"])[1]
        assert record["Partition"] == ("gpu" if rule in ON_GPU else "cpu"), rule
        assert (record.get("TresPerJob") == "gres:gpu:1") == (rule in ON_GPU), rule
        assert record["JobState"] in {"COMPLETED", "CANCELLED"}, rule
        done |= {rule} if record["JobState"] == "COMPLETED" else set()
        asked = record.get("TresPerJob", "no GPU")
        listed[f"{rule}: {record['Partition']}, {asked}, {record['JobState']}"] += 1
    print(*(f"{count} x {job}" for job, count in sorted(listed.items())), sep="\n")
    assert done >= ON_GPU | {"detect_slab", "choose_keep_candidates_label"}
    assert len(records) < 80


def test_a_cancelled_job_is_tried_again(killed_and_finished, cluster):
    table = "results/brains/mouse_1/projection.npz"
    process = cluster.start(killed_and_finished, "--forcerun", "projection", "--", table)
    while process.poll() is None and not (running := cluster.running()):
        time.sleep(0.2)
    subprocess.run(["scancel", running[0]], check=True)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    states = {record["JobId"]: record["JobState"] for record in cluster.records()}
    assert states[running[0]] == "CANCELLED"
    assert states[max(states, key=int)] == "COMPLETED"


def test_a_job_over_its_memory_comes_back_with_more(killed_and_finished, cluster):
    before = {record["JobId"] for record in cluster.records()}
    table = "results/evaluation/end_to_end.csv"
    # Less than Snakemake itself takes, and then a plenty.
    little = ["--set-resources", "evaluate:mem_mb=attempt**4 * 60"]
    code, output = cluster.run(killed_and_finished, *little, "--forcerun", "evaluate", "--", table)
    assert code == 0, output
    tries = [record for record in cluster.records() if record["JobId"] not in before]
    assert [record["MinMemoryNode"] for record in tries] == ["60M", "960M"]
    assert tries[0]["JobState"] in {"OUT_OF_MEMORY", "FAILED", "CANCELLED"}
    assert tries[1]["JobState"] == "COMPLETED"


def test_a_job_over_its_time_comes_back_with_more(killed_and_finished, cluster):
    """A pipe in place of a volume, at which any reader waits for ever."""
    before = {record["JobId"] for record in cluster.records()}
    checkout = killed_and_finished
    pipe = checkout.folder / "endless.tif"
    os.mkfifo(pipe)
    planes = np.random.default_rng(0).integers(100, 900, (28, 60, 60), dtype=np.uint16)
    tifffile.imwrite(checkout.folder / "steady.tif", planes)
    row = checkout.row("endless", "predict").replace("brains/endless/signal", pipe.name)
    checkout.write_table(row.replace("brains/endless/background", "steady.tif"))
    target = "results/brains/endless/volumes.json"
    minutes = ["--set-resources", "check_volumes:runtime=attempt"]
    process = cluster.start(checkout, *minutes, "--rerun-triggers", "mtime", "--", target)
    try:
        while process.poll() is None and not _ended(cluster, before):
            time.sleep(1)
        pipe.unlink()
        tifffile.imwrite(pipe, planes)
        output, _ = process.communicate(timeout=600)
    finally:
        checkout.write_table()
    assert process.returncode == 0, output
    tries = [record for record in cluster.records() if record["JobId"] not in before]
    assert [record["JobState"] for record in tries] == ["TIMEOUT", "COMPLETED"]
    assert [record["TimeLimit"] for record in tries] == ["00:01:00", "00:02:00"]


def _ended(cluster: Cluster, before: set[str]) -> bool:
    return any(
        record["JobState"] not in UNFINISHED
        for record in cluster.records()
        if record["JobId"] not in before
    )


def test_a_gpu_job_without_a_gpu_says_so(killed_and_finished, cluster):
    checkout = killed_and_finished
    weights = "results/models/small/fold-0.safetensors"
    checkout.write_config("small.yaml", device="auto", **DIVIDED)
    code, output = cluster.run(checkout, "--retries", "0", "--forcerun", "train", "--", weights)
    assert code != 0
    log = (checkout.results / "logs" / "train" / "small" / "fold-0.log").read_text()
    assert "device 'cuda' was asked for, but torch" in log
