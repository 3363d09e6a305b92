"""The profiles: what each rule asks for, and how many jobs a brain becomes."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

GPU_RULES = {"pretrain", "search", "train", "score_chunk", "classify", "explain", "cost"}
# Rules of small tables: the defaults are enough whatever the size of a brain.
ON_DEFAULTS = {
    "accept_volumes",
    "keep_candidates",
    "calibrate",
    "choose_recipe",
    "searched_arm",
    "cost_ensemble",
    "track",
}
DAY = 24 * 60


@pytest.fixture(scope="module")
def slurm(repository) -> dict:
    return yaml.safe_load((repository / "workflow/profiles/slurm/config.yaml").read_text())


def rules(repository: Path) -> set[str]:
    text = "".join(p.read_text() for p in (repository / "workflow/rules").glob("*.smk"))
    return set(re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, flags=re.MULTILINE))


def test_memory_and_time_grow_with_every_try(slurm):
    for rule, resources in {"any": slurm["default-resources"], **slurm["set-resources"]}.items():
        for name in {"mem_mb", "runtime"} & set(resources):
            tries = [eval(resources[name], {"attempt": attempt}) for attempt in (1, 2, 3)]
            assert tries == sorted(set(tries)), (rule, name)
            assert name != "runtime" or tries[-1] <= DAY, rule
    assert {"mem_mb", "runtime"} <= set(slurm["default-resources"])
    assert slurm["retries"] == 2


def test_networks_ask_for_gpus_and_nothing_else_does(slurm):
    asked = {rule for rule, resources in slurm["set-resources"].items() if resources.get("gpu")}
    assert asked == GPU_RULES
    for rule in asked:
        assert slurm["set-resources"][rule]["slurm_partition"] == "gpu"


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
