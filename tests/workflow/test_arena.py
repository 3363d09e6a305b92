"""The arena on small brains: one command trains every architecture and compares them all."""

import pytest
import yaml

from cellsift.io.whole import read_json, read_table
from cellsift.models import list_models
from checkout import CONFIG, Checkout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def arms(repository) -> list[str]:
    return yaml.safe_load((repository / "config" / "arena.yaml").read_text())["arms"]


@pytest.fixture(scope="module")
def arena(finished, tmp_path_factory, arms):
    """The finished run's brains, gone on with the arms of the arena, each trained for an epoch."""
    checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("arena") / "checkout")
    for path in (checkout.folder / "config" / "pretraining").glob("*.yaml"):
        path.write_text(f"{path.read_text()}epochs: 1\n")
    checkout.write_config("small.yaml", arms=arms, training=CONFIG["training"] | {"epochs": 1})
    code, output = checkout.run("--cores", "2", "--", "results/reports/index.html")
    assert code == 0, output
    return checkout


def test_it_has_every_architecture(arena, arms):
    found = {
        read_json(arena.results / "models" / arm / "model.json").get("architecture") for arm in arms
    }
    assert found - {None} == set(list_models()) - {"ensemble"}


def test_the_tables_compare_every_arm_with_every_other(arena, arms):
    evaluation = arena.results / "evaluation"
    for name in ("classification", "end_to_end"):
        assert set(arms) <= set(read_table(evaluation / f"{name}.csv")["arm"])
    compared = read_table(evaluation / "comparison.csv")
    assert set(arms) <= {*compared["arm_a"], *compared["arm_b"]}
    assert all(read_json(evaluation / "cost" / f"{arm}.json")["parameters"] >= 0 for arm in arms)


def test_the_page_shows_every_arm_and_can_be_mailed(arena, arms):
    page = arena.results / "reports" / "index.html"
    assert page.stat().st_size < 10_000_000
    text = page.read_text()
    assert [arm for arm in arms if arm not in text] == []
