"""The chain on a real SLURM: slurmctld and slurmd on this machine, `snakemake --profile slurm`."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from cellsift.detection import detect
from cellsift.io.json_files import read_json
from cellsift.io.volumes import open_volume
from checkout import ARM, PROFILE, Checkout
from comparison import assert_same_tables
from damage import garble
from rule_texts import text_of_rules, threads_of

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SNAKEMAKE = ["-m", "snakemake", "--profile", "slurm"]
# Of the small chain: the rules that want a GPU.
ON_GPU = {"train", "score_chunk", "classify", "explain", "cost"}
UNFINISHED = {"PENDING", "RUNNING", "COMPLETING"}
# A network, hand-made features, and an ensemble of both.
ARMS = ["small", "features", "both"]
BOTH = {"architecture": "ensemble", "options": {"members": ARMS[:2], "method": "simplex"}}
# One brain is cut into slabs and chunks.
DIVIDED = {"brains": {"mouse_3": {"jobs_per_brain": {"detection": 2, "cuboids": 2}}}}
CELLFINDER = {"soma_diameter": 16, "n_sds_above_mean_thresh": 3}


class Cluster:
    """SLURM under a folder: what it has done, and runs of the workflow on it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def records(self, checkout: Checkout, but: Collection[str] = ()) -> list[dict[str, str]]:
        """What the scheduler knows of a checkout's jobs, but those of these numbers.

        Comment begins with the rule's name.
        """
        asked = ["scontrol", "--oneliner", "show", "jobs"]
        shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        records = [
            dict(re.findall(r"(\w+)=(\S+)", line)) for line in shown.splitlines() if "=" in line
        ]
        return [
            record
            for record in records
            if record["WorkDir"] == str(checkout.folder) and record["JobId"] not in but
        ]

    def running(self, checkout: Checkout) -> list[str]:
        """Numbers of its jobs that run now."""
        states = {record["JobId"]: record["JobState"] for record in self.records(checkout)}
        return [number for number, state in states.items() if state == "RUNNING"]

    def start(self, checkout, *arguments: str, python: str = sys.executable) -> subprocess.Popen:
        paths = (str(checkout.folder / "scripts"), str(HERE / "fastpoll"))
        return subprocess.Popen(
            [python, *SNAKEMAKE, "--configfile", "small.yaml", "--latency-wait", "5", *arguments],
            cwd=checkout.folder,
            env=os.environ | {"PYTHONPATH": ":".join(paths), "SLURM_TEST_POLL": "0.5"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, checkout, *arguments: str, **options) -> tuple[int, str]:
        """Exit code and output of a run."""
        process = self.start(checkout, *arguments, **options)
        output, _ = process.communicate(timeout=1800)
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


def rule_of(record: dict[str, str]) -> str:
    return re.match(r"rule_(.+?)(_wildcards|$)", record["Comment"])[1]


def jobs_noted_as_finished(log: str) -> set[str]:
    """The scheduler's numbers of the jobs that a run has seen to the end, by Snakemake's log."""
    numbers = dict(re.findall(r"Job (\d+) has been submitted with SLURM jobid (\d+)", log))
    return {numbers[job] for job in re.findall(r"Finished jobid: (\d+)", log) if job in numbers}


def errors_in(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("Error: ")]


def run_over_its_time(cluster: Cluster, checkout: Checkout) -> tuple[int, str]:
    """Exit code and output of a run of which a job waits until its time is over.

    At a pipe in place of a volume, at which any reader waits for ever; then the volume is there.
    """
    pipe = checkout.folder / "endless.tif"
    os.mkfifo(pipe)
    planes = np.random.default_rng(0).integers(100, 900, (28, 60, 60), dtype=np.uint16)
    tifffile.imwrite(checkout.folder / "steady.tif", planes // 2)
    row = checkout.row("endless", "predict").replace("brains/endless/signal", pipe.name)
    checkout.write_table(row.replace("brains/endless/background", "steady.tif"))
    minutes = ["--set-resources", "check_volumes:runtime=attempt"]
    process = cluster.start(checkout, *minutes, "--", "results/brains/endless/volumes.json")
    while process.poll() is None and not has_ended(cluster, checkout):
        time.sleep(1)
    pipe.unlink()
    tifffile.imwrite(pipe, planes)
    output, _ = process.communicate(timeout=600)
    return process.returncode, output


def has_ended(cluster: Cluster, checkout: Checkout) -> bool:
    return any(r["JobState"] not in UNFINISHED for r in cluster.records(checkout))


@pytest.fixture(scope="module")
def over_its_time(cluster, new_checkout):
    """Such a run in a checkout of its own, under way beside the others, as it only waits."""
    checkout = new_checkout()
    with ThreadPoolExecutor(1) as pool:
        checkout.ran = pool.submit(run_over_its_time, cluster, checkout)
        yield checkout


@pytest.fixture(scope="module")
def killed_and_finished(cluster, new_checkout, over_its_time):
    """A run on the cluster whose Snakemake was killed in the middle and started again.

    `records` are the scheduler's of both, `of_first` those of jobs that were finished before.
    """
    checkout = new_checkout()
    checkout.write_arm("both", **BOTH)
    checkout.write_config("small.yaml", arms=ARMS, **DIVIDED)
    first = cluster.start(checkout)
    while first.poll() is None and not list(checkout.results.glob("brains/*/candidates.csv")):
        time.sleep(0.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    told = checkout.full_log
    # As the README says: end what it left, free the folder, start again.
    left = {r["JobName"] for r in cluster.records(checkout) if r["JobState"] in UNFINISHED}
    for name in left:
        subprocess.run(["scancel", f"--name={name}"], check=True)
    of_first = {record["JobId"] for record in cluster.records(checkout)}
    unlocked, output = cluster.run(checkout, "--unlock")
    assert unlocked == 0, output
    code, output = cluster.run(checkout)
    assert code == 0, output
    checkout.output = output
    checkout.records = cluster.records(checkout)
    seen = jobs_noted_as_finished(told)
    checkout.done_before = {r["Comment"] for r in checkout.records if r["JobId"] in seen}
    checkout.done_after = {r["Comment"] for r in checkout.records if r["JobId"] not in of_first}
    return checkout


@pytest.fixture(scope="module")
def on_one_machine(finished, tmp_path_factory) -> Checkout:
    """The same arms without the cluster, as far as the comparison of all, and all counts."""
    checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("local") / "checkout")
    checkout.write_arm("both", **BOTH)
    checkout.write_config("small.yaml", arms=ARMS)
    counts = [f"results/brains/mouse_{number}/counts.csv" for number in (1, 2, 3)]
    wanted = ["results/evaluation/comparison.csv", *counts]
    code, output = checkout.run("--cores", "2", "--", *wanted)
    assert code == 0, output
    return checkout


def test_the_cluster_gives_the_tables_of_one_machine(killed_and_finished, on_one_machine):
    explained = {f"explanations/{arm}/chosen.csv" for arm in ARMS}
    assert_same_tables(on_one_machine.results, killed_and_finished.results, but=explained)
    same = [f"brains/mouse_3/{arm}/cells.xml" for arm in ARMS]
    for file in [*same, "brains/mouse_3/small/logits.npy"]:
        one, other = (run.results / file for run in (on_one_machine, killed_and_finished))
        assert one.read_bytes() == other.read_bytes(), file


def threads_asked_for(repository: Path) -> dict[str, str]:
    """By rule; the profile has the last word."""
    asked = {rule: threads_of(text) for rule, text in text_of_rules(repository).items()}
    profile = yaml.safe_load((repository / PROFILE / "config.yaml").read_text())
    return asked | {rule: str(threads) for rule, threads in profile["set-threads"].items()}


def test_jobs_ran_where_they_should_and_had_their_gpus_and_cores(killed_and_finished, repository):
    """The scheduler's own record; small steps share jobs."""
    records, threads = killed_and_finished.records, threads_asked_for(repository)
    assert threads["detect_slab"] == "4"
    done, listed = set(), Counter()
    for record in records:
        rule = rule_of(record)
        assert record["Partition"] == ("gpu" if rule in ON_GPU else "cpu"), rule
        assert (record.get("TresPerJob") == "gres:gpu:1") == (rule in ON_GPU), rule
        # A job of several rules has no threads of its own.
        assert record["NumCPUs"] == threads.get(rule, "1"), rule
        assert record["JobState"] in {"COMPLETED", "CANCELLED"}, rule
        done |= {rule} if record["JobState"] == "COMPLETED" else set()
        asked = record.get("TresPerJob", "no GPU")
        where = f"{record['Partition']}, {record['NumCPUs']} cores, {asked}"
        listed[f"{rule}: {where}, {record['JobState']}"] += 1
    print(*(f"{count} x {job}" for job, count in sorted(listed.items())), sep="\n")
    assert done >= ON_GPU | {"detect_slab", "choose_keep_candidates_label"}
    assert done >= {"combine", "classify_ensemble", "cost_ensemble", "evaluate", "report_index"}
    assert len(records) < 100


def test_what_a_killed_run_had_done_was_not_done_again(killed_and_finished):
    assert killed_and_finished.done_before
    assert not killed_and_finished.done_before & killed_and_finished.done_after


def test_the_terminal_has_a_line_for_each_step_of_the_cluster(killed_and_finished):
    output = killed_and_finished.output
    steps = re.findall(r"^(\S.*): (\S+ \S+); (\d+) of (\d+)", output, flags=re.MULTILINE)
    total = int(steps[0][3])
    assert f"{total} steps to do." in output.splitlines()
    assert [int(step[2]) for step in steps] == list(range(1, total + 1))
    names = {step[0] for step in steps}
    assert {"train small, fold 1 of 2", "classify mouse_3 by both"} <= names
    assert "score mouse_3 by small, chunk 2 of 2" in names
    # Also of steps that share a job.
    assert "label the candidates of mouse_3" in names
    # What such a step remarks on detection, of which its own terminal is elsewhere.
    assert "Note: brain mouse_3: " in output
    assert "Select jobs to execute" not in output
    assert "has been submitted" not in output
    assert not list(killed_and_finished.results.rglob("*.progress.*"))


def test_a_pretraining_has_a_gpu(killed_and_finished, cluster):
    before = {record["JobId"] for record in cluster.records(killed_and_finished)}
    checkout = killed_and_finished
    settings = {"method": "dino", **ARM, "epochs": 1, "prototypes": 16, "local_views": 0}
    (checkout.folder / "config/pretraining/quick.yaml").write_text(yaml.safe_dump(settings))
    checkout.write_arm("pretrained", training={"pretraining": "quick", "epochs": 1})
    checkout.write_config("small.yaml", arms=[*ARMS, "pretrained"], **DIVIDED)
    try:
        code, output = cluster.run(checkout, "--", "results/models/pretrained/fold-0.safetensors")
    finally:
        checkout.write_config("small.yaml", arms=ARMS, **DIVIDED)
    assert code == 0, output
    records = cluster.records(killed_and_finished, but=before)
    assert [rule_of(record) for record in records] == ["pretrain", "train"]
    assert {(r["Partition"], r["TresPerJob"]) for r in records} == {("gpu", "gres:gpu:1")}
    made = read_json(checkout.results / "models" / "pretrained" / "fold-0.json")["provenance"]
    assert made["starting_point"]


@pytest.fixture(scope="module")
def with_a_bad_plane(cluster, new_checkout, small_brains, tmp_path_factory):
    """One brain that cellfinder looks at in two slabs, and one with a plane that is damaged."""
    checkout = new_checkout()
    more = tmp_path_factory.mktemp("more_brains")
    shutil.copytree(small_brains / "mouse_3", more / "garbled")
    garble(more / "garbled" / "signal" / "plane_0011.tif")
    (checkout.folder / "more").symlink_to(more)
    row = checkout.row("garbled", "predict").replace("brains/", "more/")
    checkout.write_table(row)
    checkout.write_config(
        "small.yaml",
        detection={"method": "cellfinder", **CELLFINDER},
        brains={"mouse_3": {"jobs_per_brain": {"detection": 2}}},
    )
    tables = [f"results/brains/{brain}/detected.csv" for brain in ("mouse_3", "garbled")]
    checkout.code, checkout.output = cluster.run(checkout, "--retries", "1", "--", *tables)
    return checkout


def test_a_bad_plane_is_told_in_the_terminal(with_a_bad_plane):
    assert with_a_bad_plane.code != 0
    output = with_a_bad_plane.output
    errors = errors_in(output)
    # One for each try, and nothing beside.
    assert len(errors) == 2, output
    for error in errors:
        assert error.startswith("Error: brain garbled: "), output
        assert "more/garbled/signal/plane_0011.tif" in error
        assert "Copy or export the file again" in error
    assert "rule detect_slab, job" in output
    assert "logs/detect_slab/garbled/0.log" in output
    assert "Traceback" not in output
    assert "The messages above say why" in output
    assert not with_a_bad_plane.leftovers
    assert not (with_a_bad_plane.results / "brains" / "garbled" / "detected.csv").exists()


def test_the_other_brain_has_the_candidates_of_the_undivided_one(with_a_bad_plane, small_brains):
    volume = open_volume(small_brains / "mouse_3" / "signal", (5.0, 2.0, 2.0))
    expected = detect(volume, "cellfinder", **CELLFINDER)
    assert len(expected) > 20
    found = pd.read_csv(with_a_bad_plane.results / "brains" / "mouse_3" / "detected.csv")
    # Tables are written to six digits.
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-5)
    positions = ["z", "y", "x"]
    pd.testing.assert_frame_equal(found[positions], expected[positions], check_exact=True)


def test_the_cluster_searches_a_detector_and_uses_it(cluster, new_checkout, small_brains):
    checkout = new_checkout()
    checkout.write_config(
        "small.yaml",
        detection={"method": "auto", "trials": 4},
        brains={"mouse_3": {"jobs_per_brain": {"detection": 2}}},
    )
    code, output = cluster.run(checkout, "--", "results/brains/mouse_3/detected.csv")
    assert code == 0, output
    assert "search a detector: " in output
    (search,) = [r for r in cluster.records(checkout) if rule_of(r) == "tune_detection"]
    assert (search["Partition"], search["NumCPUs"]) == ("cpu", "4")
    chosen = read_json(checkout.results / "detection" / "chosen.json")["detection"]
    volume = open_volume(small_brains / "mouse_3" / "signal", (5.0, 2.0, 2.0))
    expected = detect(volume, chosen.pop("method"), **chosen)
    found = pd.read_csv(checkout.results / "brains" / "mouse_3" / "detected.csv")
    positions = ["z", "y", "x"]
    assert len(found) > 20
    pd.testing.assert_frame_equal(found[positions], expected[positions], check_exact=False)


def test_a_cancelled_job_is_tried_again(killed_and_finished, cluster):
    table = "results/brains/mouse_1/projection.npz"
    process = cluster.start(killed_and_finished, "--forcerun", "projection", "--", table)
    while process.poll() is None and not (running := cluster.running(killed_and_finished)):
        time.sleep(0.2)
    subprocess.run(["scancel", running[0]], check=True)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert "project mouse_1: is tried again" in output
    states = {r["JobId"]: r["JobState"] for r in cluster.records(killed_and_finished)}
    assert states[running[0]] == "CANCELLED"
    assert states[max(states, key=int)] == "COMPLETED"


def test_a_job_over_its_memory_comes_back_with_more(killed_and_finished, cluster):
    before = {record["JobId"] for record in cluster.records(killed_and_finished)}
    table = "results/evaluation/end_to_end.csv"
    # Less than Snakemake itself takes, and then a plenty.
    little = ["--set-resources", "evaluate:mem_mb=attempt**4 * 60"]
    code, output = cluster.run(killed_and_finished, *little, "--forcerun", "evaluate", "--", table)
    assert code == 0, output
    tries = cluster.records(killed_and_finished, but=before)
    assert [record["MinMemoryNode"] for record in tries] == ["60M", "960M"]
    assert tries[0]["JobState"] in {"OUT_OF_MEMORY", "FAILED", "CANCELLED"}
    assert tries[1]["JobState"] == "COMPLETED"


def test_a_job_over_its_time_comes_back_with_more(over_its_time, cluster):
    code, output = over_its_time.ran.result()
    assert code == 0, output
    tries = cluster.records(over_its_time)
    assert [record["JobState"] for record in tries] == ["TIMEOUT", "COMPLETED"]
    assert [record["TimeLimit"] for record in tries] == ["00:01:00", "00:02:00"]


def test_a_job_that_the_cluster_refuses_is_told(killed_and_finished, cluster):
    table = "results/brains/mouse_1/projection.npz"
    nowhere = ["--set-resources", "projection:slurm_partition=nowhere", "--retries", "0"]
    code, output = cluster.run(
        killed_and_finished, *nowhere, "--forcerun", "projection", "--", table
    )
    assert code != 0
    (error,) = errors_in(output)
    assert error.startswith("Error: rule projection: ")
    assert "invalid partition" in error


@pytest.mark.parametrize("asking", ["gpu: 1", 'gres: "gpu:1"'])
def test_a_gpu_job_without_a_gpu_says_so(asking, killed_and_finished, cluster):
    """However the profile asks for one: some sites know GPUs only as gres."""
    before = {record["JobId"] for record in cluster.records(killed_and_finished)}
    checkout = killed_and_finished
    profile = checkout.folder / PROFILE / "config.yaml"
    shipped = profile.read_text()
    assert "\n    gpu: 1\n" in shipped
    profile.write_text(shipped.replace("\n    gpu: 1\n", f"\n    {asking}\n"))
    # Steps of which none waits for another: the last two are those of an arm that is trained.
    jobs = {
        "train": "results/models/small/fold-0.safetensors",
        "score_chunk": "results/brains/mouse_3/features/logits/1-of-2.npy",
        "explain": "results/explanations/features/montage.png",
    }
    forced = ["--retries", "0", "--allowed-rules", *jobs, "--rerun-triggers", "mtime"]
    forced += ["--forcerun", *jobs.values(), "--", *jobs.values()]
    checkout.write_config("small.yaml", device="auto", arms=ARMS, **DIVIDED)
    try:
        code, output = cluster.run(checkout, *forced)
    finally:
        profile.write_text(shipped)
        checkout.write_config("small.yaml", arms=ARMS, **DIVIDED)
    assert code != 0
    told = sorted(
        error.split(": device 'cuda' was asked for, but torch")[0] for error in errors_in(output)
    )
    assert told == [
        "Error: arm features",
        "Error: arm small, fold-0",
        "Error: brain mouse_3, arm features",
    ], output
    records = cluster.records(killed_and_finished, but=before)
    assert sorted(map(rule_of, records)) == sorted(jobs)
    key = "TresPerJob" if asking.startswith("gpu") else "TresPerNode"
    assert {(r["Partition"], r[key]) for r in records} == {("gpu", "gres:gpu:1")}


def test_jobs_start_in_a_folder_with_spaces_or_are_refused_with_the_reason(cluster, checkout_in):
    target = "results/brains/mouse_1/checked.json"
    fitting, refused = checkout_in("OneDrive - Anna's (lab)"), checkout_in("in $HOME")
    code, output = cluster.run(fitting, "--", target, python=".venv/bin/python")
    assert code == 0, output
    assert (fitting.folder / target).exists()
    code, output = cluster.run(refused, "--", target, python=".venv/bin/python")
    assert code != 0
    assert "rename the folder" in output
    assert "has been submitted" not in refused.full_log
