"""The profiles: every job may come back with more, and every name in them is a rule's."""

import re
from pathlib import Path

import pytest
import yaml

GPU_RULES = {"pretrain", "train", "score_chunk", "classify", "explain", "cost"}
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
