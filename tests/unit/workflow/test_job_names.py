"""What jobs are called in the terminal."""

import re

import pytest

from cellsift.workflow.job_names import STEPS, JobNames
from rule_texts import text_of_rules


@pytest.fixture
def names() -> JobNames:
    return JobNames(folds=3, slabs={"phantom_a": 1, "mouse_7": 16})


@pytest.mark.parametrize(
    ("rule", "wildcards", "name"),
    [
        ("train", {"arm": "resnet_narrow", "fold": "1"}, "train resnet_narrow, fold 2 of 3"),
        ("pretrain", {"pretraining": "vit_mae"}, "pre-train vit_mae"),
        (
            "search",
            {"arm": "vit", "study": "fold-0", "job": "2"},
            "search a recipe for vit, without fold 1 of 3, job 2",
        ),
        ("choose_recipe", {"arm": "vit", "study": "all"}, "choose the recipe of vit, on all folds"),
        ("detect_slab", {"brain": "mouse_7", "slab": "0"}, "detect in mouse_7, slab 1 of 16"),
        ("detect_slab", {"brain": "phantom_a", "slab": "0"}, "detect in phantom_a"),
        (
            "cuboids",
            {"brain": "mouse_7", "chunk": "4", "chunks": "16"},
            "cuboids of mouse_7, chunk 4 of 16",
        ),
        (
            "cuboids",
            {"brain": "phantom_a", "chunk": "1", "chunks": "1"},
            "cuboids of phantom_a",
        ),
        ("classify", {"brain": "695", "arm": "vit"}, "classify 695 by vit"),
        ("evaluate", {}, "evaluate all arms"),
        ("a_new_rule", {"brain": "695"}, "a new rule 695"),
    ],
)
def test_a_job_is_named_by_its_step_what_it_works_on_and_its_part(names, rule, wildcards, name):
    assert names.name(rule, wildcards) == name


def test_the_networks_of_a_finished_model_are_counted_by_themselves():
    names = JobNames(folds=3, slabs={}, networks={"given": 5})
    assert names.name("accept_fold", {"arm": "given", "fold": "4"}) == "accept given, fold 5 of 5"
    assert names.name("train", {"arm": "resnet", "fold": "1"}) == "train resnet, fold 2 of 3"


def test_every_rule_has_a_name(repository):
    assert set(STEPS) == set(text_of_rules(repository)) - {"all"}


def test_a_fold_is_counted_in_the_terminal_alone_and_else_named_as_its_files_are(repository):
    """Fold 1 of 3 is fold-0: a message that says "fold 1" could mean either."""
    package = repository / "scripts" / "cellsift"
    counting = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"[fF]old \{", path.read_text())
    }
    assert counting == {"workflow/job_names.py"}
