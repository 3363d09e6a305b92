"""The profiles: what each rule asks for, and how many jobs a brain becomes."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from cellsift.workflow.job import SHARE_FOR_DATA
from cellsift.benchmarks.rehearsal.brain import brain_shape, unread_brain, voxel_size_of
from cellsift.benchmarks.rehearsal.extrapolation import WHOLE_BRAIN
from cellsift.benchmarks.rehearsal.steps import rehearsed_detector
from cellsift.detection import Resources, blocks
from cellsift.io.volumes import Volume
from rule_texts import script_of, text_of_rules, threads_of

TRAINING = {"pretrain", "search", "train", "train_final"}
GPU_RULES = TRAINING | {"score_chunk", "classify", "explain", "cost"}
# Rules of small tables: the defaults are enough whatever the size of a brain.
ON_DEFAULTS = {
    "accept_model",
    "accept_volumes",
    "check_regions",
    "keep_candidates",
    "take_candidates",
    "calibrate",
    "choose_recipe",
    "searched_arm",
    "cost_ensemble",
    "suggest",
    "track",
}
DAY = 24 * 60


@pytest.fixture(scope="module")
def slurm(repository) -> dict:
    return yaml.safe_load((repository / "workflow/profiles/slurm/config.yaml").read_text())


def rules(repository: Path) -> set[str]:
    return set(text_of_rules(repository))


def test_memory_and_time_grow_with_every_try(slurm):
    for rule, resources in {"any": slurm["default-resources"], **slurm["set-resources"]}.items():
        for name in {"mem_mb", "runtime"} & set(resources):
            tries = [eval(resources[name], {"attempt": attempt}) for attempt in (1, 2, 3)]
            assert tries == sorted(set(tries)), (rule, name)
            assert name != "runtime" or tries[-1] <= DAY, rule
    assert {"mem_mb", "runtime"} <= set(slurm["default-resources"])
    assert slurm["retries"] == 2


def least_bytes(rule: str, method: str, volume: Volume, resources: Resources) -> int:
    """What a job of this rule takes for the thinnest slab that it accepts."""
    detector = rehearsed_detector(method)
    if rule == "detect_slab" and detector.measures_contrast_apart:
        return detector.memory_for(volume)
    halo = detector.halo(volume.voxel_size)[0]
    return blocks.memory_for(volume, 3 * halo, halo, resources=resources)


@pytest.mark.parametrize(
    ("rule", "method"),
    [("detect_slab", "dog"), ("detect_slab", "cellfinder"), ("contrast_slab", "cellfinder")],
)
def test_the_first_try_has_room_for_a_slab_of_a_whole_brain(
    rule, method, slurm, repository, monkeypatch
):
    threads = int(threads_of(text_of_rules(repository)[rule]))
    monkeypatch.setattr("cellsift.detection.resources.available_cores", lambda most: most)
    whole = unread_brain(brain_shape(WHOLE_BRAIN), voxel_size_of(WHOLE_BRAIN))
    first_try = eval(slurm["set-resources"][rule]["mem_mb"], {"attempt": 1})
    least = least_bytes(rule, method, whole, Resources(threads=threads))
    assert first_try * 1e6 * SHARE_FOR_DATA >= least


def test_networks_ask_for_gpus_and_nothing_else_does(slurm):
    asked = {rule for rule, resources in slurm["set-resources"].items() if resources.get("gpu")}
    assert asked == GPU_RULES
    for rule in asked:
        assert slurm["set-resources"][rule]["slurm_partition"] == "gpu"


@pytest.mark.parametrize("rule", sorted(GPU_RULES))
def test_a_script_whose_rule_asks_for_a_gpu_insists_on_one(rule, repository):
    text = text_of_rules(repository)[rule]
    assert "wanted_device(snakemake)" in script_of(text, repository)


def test_a_job_keeps_to_the_cores_that_it_was_given(repository):
    """Detection and reading, and networks, are told how many they may use."""
    texts = text_of_rules(repository)
    several = {rule for rule, text in texts.items() if threads_of(text) != "1"}
    assert several == {
        "tune_detection",
        "detect_slab",
        "contrast_slab",
        "show_detection",
        "cost",
    }
    for rule in several - GPU_RULES:
        script = script_of(texts[rule], repository)
        assert "limit_reading(snakemake.threads)" in script, rule
        assert "resources=resources_of(snakemake)" in script, rule
    for rule in GPU_RULES - {"explain"}:
        assert "threads=snakemake.threads" in script_of(texts[rule], repository), rule


def test_every_name_is_a_rule(slurm, repository):
    named = {*slurm["set-resources"], *slurm["set-threads"], *slurm["groups"]}
    assert named <= rules(repository)


def test_the_resources_of_every_rule_were_decided_on(slurm, repository):
    assert rules(repository) - {"all"} == {*slurm["set-resources"], *ON_DEFAULTS}
    assert not ON_DEFAULTS & set(slurm["set-resources"])


def test_what_reads_an_annotation_has_room_for_a_large_one(slurm):
    for rule in ("preflight", "label"):
        assert slurm["set-resources"][rule]["mem_mb"] == "attempt * 4000"


@pytest.mark.slow
def test_a_brain_is_about_a_hundred_jobs_known_before_its_candidates(new_checkout):
    """No job is added while a run is at work: the plan is whole before anything was detected."""
    checkout = new_checkout()
    arms = ["small", "second", "third"]
    for arm in arms:
        checkout.write_arm(arm)
    divided = {"jobs_per_brain": {"detection": 16, "cuboids": 16}}
    checkout.write_config("small.yaml", arms=arms, brains={"mouse_3": divided})
    rules_of_brain = Counter(
        rule for rule, wildcards in checkout.planned() if "brain=mouse_3" in wildcards
    )
    assert rules_of_brain["detect_slab"] == rules_of_brain["cuboids"] == 16
    assert rules_of_brain["score_chunk"] == 3 * 16
    assert rules_of_brain.total() < 200
    text = "".join(p.read_text() for p in (checkout.folder / "workflow").rglob("*.smk"))
    assert not re.search(r"^checkpoint ", text, flags=re.MULTILINE)
