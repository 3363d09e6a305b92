"""A brain like the train brains raises no alarm, a foreign one does, and its reason is named."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from appearances import FEATURES, appearance, classified

from cellsift.evaluation.alarm.answers import answers_of
from cellsift.evaluation.alarm.comparison import LIMIT, LIMIT_OF_ONE, compare
from cellsift.evaluation.alarm.reasons import in_terminal, reasons, to_document
from cellsift.evaluation.alarm.statistics import GROUPS, STATISTICS, floors_of, statistics_of
from cellsift.io.json_files import write_json
from cellsift.settings.files import REPOSITORY


def brain(seed: int | None = None, far: float = 1.0, **told) -> pd.DataFrame:
    """The numbers of a brain; with a seed each lies off by chance, as far as its floor says.

    `far` multiplies that. Half of a number's variance it shares with the others of its group.
    """
    table = usual() if not told else statistics_of(appearance(**told), classified())
    if seed is None:
        return table.copy()
    random = np.random.default_rng(seed)
    shared = {group: random.normal() for group in GROUPS}
    own = random.normal(size=len(table))
    common = np.array([shared[group_of(name)] for name in table.index])
    floors = floors_of(table[["value"]])
    return table.assign(value=table["value"] + far * floors * (common + own) / np.sqrt(2))


@cache
def usual() -> pd.DataFrame:
    return statistics_of(appearance(), classified())


def group_of(name: str) -> str:
    return STATISTICS[name].group if name in STATISTICS else "candidates"


def cohort(count: int, **told) -> dict[str, pd.DataFrame]:
    return {f"train_{n}": brain(n, **told) for n in range(count)}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_of_one_cohort_at_most_one_brain_in_twenty_raises_the_alarm(count):
    """Also where brains differ as far as any cohort that was measured."""
    tries = 400
    raised = 0
    for seed in range(0, tries * (count + 1), count + 1):
        train = {str(n): brain(seed + n) for n in range(count)}
        raised += compare(brain(seed + count), train).alarm
    assert raised / tries <= 0.05


def test_a_brain_like_the_others_raises_none():
    found = compare(brain(), cohort(2))
    assert not found.alarm
    assert found.raised == reasons(found) == []
    assert list(found.groups.index) == list(GROUPS)


@pytest.mark.parametrize(
    ("told", "group"),
    [
        ({"brighter": 20.0}, "tissue"),
        ({"noise": -4.5, "fineness": -1.5}, "sharpness"),
        ({"per_mm3": 90_000.0}, "density"),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_foreign_brain_raises_the_alarm_for_what_is_foreign(told, group, count):
    found = compare(brain(**told), cohort(count, far=0.5))
    assert found.raised == [group]
    (reason,) = reasons(found)
    assert reason.startswith(GROUPS[group])
    said = in_terminal("mouse", "predict", to_document(found))
    assert said.startswith("brain mouse is unlike the train brains: ")


@pytest.mark.parametrize(
    ("role", "told", "never"),
    [
        ("train", "unlike the other train brains", "annotate one of them as a train brain"),
        ("test", "measured by its annotation", "snakemake suggest"),
        ("predict", "snakemake suggest (make suggest CONFIG=...)", "annotation are right"),
    ],
)
@pytest.mark.parametrize("twice", [False, True])
def test_the_terminal_says_what_follows_for_a_brain_of_its_role(role, told, never, twice):
    document = {"raised": ["doubles" if twice else "tissue"]}
    said = in_terminal("mouse", role, document)
    assert told in said
    assert never not in said
    assert len(said) < 530
    assert ("{method: auto}" in said) == (twice and role != "train")


def test_voxels_of_another_size_raise_it():
    other = appearance() | {"voxel_size": [2.0, 0.8, 0.8]}
    assert compare(statistics_of(other, classified()), cohort(2)).raised == ["voxels"]


def test_candidates_of_another_kind_raise_it():
    other = appearance() | {
        "features": {name: [4 * q for q in quantiles] for name, quantiles in FEATURES.items()}
    }
    found = compare(statistics_of(other, classified()), cohort(2))
    assert found.raised == ["candidates"]
    assert "of the feature" in reasons(found)[0]


def test_arms_that_agree_no_more_raise_it():
    other = statistics_of(appearance(), classified(called=0.3, agree=False))
    found = compare(other, cohort(2))
    assert found.raised == ["answers"]
    assert "common: 0.2% (train brains 100%" in reasons(found)[0]


def test_one_number_of_many_raises_no_alarm_by_itself():
    """Such as a feature that is the same in all train candidates."""
    off = brain()
    name = "middle of size"
    off.loc[name, "value"] += 1e6
    many = {f"width of {n}": (0.0, 0.0) for n in range(40)}
    more = pd.DataFrame.from_dict(many, orient="index", columns=["value", "variance"])
    train = {name: pd.concat([table, more]) for name, table in cohort(2).items()}
    found = compare(pd.concat([off, more]), train)
    assert found.statistics.loc[name, "deviation"] == 10
    assert not found.alarm


def test_train_brains_that_differ_let_others_differ():
    dim, bright = brain(brighter=0.05), brain(brighter=20.0)
    alike = {"a": brain(), "b": brain(brighter=1.1)}
    assert compare(bright, alike).alarm
    assert not compare(bright, alike | {"dim": dim, "bright": bright}).alarm


def test_the_more_train_brains_are_alike_the_less_is_accepted():
    def accepted(count):
        row = compare(brain(), {str(n): brain() for n in range(count)}).statistics.loc["intensity"]
        return row["to"] - row["from"]

    assert accepted(1) > accepted(2) > accepted(5) > accepted(20)


def test_what_is_unknown_is_left_out():
    plane = brain(length_z=None)
    one_arm = statistics_of(appearance(), {"first": classified()["first"]})
    for table, name in ((plane, "length_z"), (one_arm, "shared")):
        assert name not in compare(table, cohort(2)).statistics.index
        assert name not in compare(brain(), {"a": table}).statistics.index
        assert name in compare(brain(), {"a": table, "b": brain()}).statistics.index


@pytest.mark.parametrize("count", [0, 1])
def test_brains_with_next_to_no_candidates_are_compared_both_ways(count, tmp_path):
    quantiles = [0.5] * 3 if count else [None] * 3
    bare = appearance(per_mm3=0.3) | {
        "features": dict.fromkeys(FEATURES, quantiles),
        "candidates": {"number": count, "measured": count, "per_mm3": 0.3},
    }
    few = statistics_of(bare, classified(called=1.0, count=count))
    for found in (compare(few, cohort(2)), compare(brain(), {"few": few, "usual": brain()})):
        write_json(to_document(found), tmp_path / "alarm.json")
    assert "density" in compare(few, cohort(2)).raised


def test_few_candidates_tell_less():
    """What chance gives to a share of ten is no deviation."""
    few = statistics_of(appearance(), classified(called=0.6, count=10))
    many = statistics_of(appearance(), classified(called=0.6, count=10_000))
    train = {str(n): brain() for n in range(20)}
    assert (
        abs(compare(few, train).statistics.loc["called", "deviation"])
        < 0.8 * compare(many, train).statistics.loc["called", "deviation"]
    )


def test_a_document_gives_numbers_as_they_are_measured():
    train = {"a": brain(per_mm3=5000.0), "b": brain(per_mm3=8000.0)}
    document = to_document(compare(brain(per_mm3=7000.0), train))
    assert document["alarm"] is False
    density = document["statistics"]["per_mm3"]
    assert (density["value"], density["low"], density["high"]) == (7000, 5000, 8000)
    assert 0 < density["from"] < 5000
    assert density["to"] > 8000
    called = document["statistics"]["called"]
    assert called["value"] == pytest.approx(0.3, abs=0.01)
    assert document["statistics"]["intensity"]["value"] == pytest.approx(np.exp(6), rel=0.01)
    limits = {name: row["limit"] for name, row in document["groups"].items()}
    assert limits == dict.fromkeys(GROUPS, LIMIT) | dict.fromkeys(
        ("density", "scores", "doubles"), LIMIT_OF_ONE
    )


def test_the_config_readme_has_each_group_with_its_limit():
    limits = compare(brain(), cohort(2)).groups["limit"]
    text = (REPOSITORY / "config" / "README.md").read_text().partition("\n## The alarm")[2]
    for group in GROUPS:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{group}` |")]
        assert row.endswith(f"| {limits[group]:g} |")


def test_answers_are_shares_of_candidates_and_of_cells():
    table = pd.DataFrame({"p_cell": [0.95, 0.5, 0.3, 0.01], "is_cell": [True, True, False, False]})
    other = table.assign(is_cell=[True, False, True, False])
    found = answers_of({"a": table, "b": other})
    assert found["called"][0] == found["doubtful"][0] == pytest.approx(0.5)
    # Of three cells one is that of both.
    assert found["shared"][0] == pytest.approx(1.5 / 4)


def test_without_cells_or_candidates_there_is_nothing_to_share():
    none = pd.DataFrame({"p_cell": [0.1, 0.2], "is_cell": [False, False]})
    assert np.isnan(answers_of({"a": none, "b": none})["shared"][0])
    assert answers_of({"a": none, "b": none})["called"][0] > 0
    assert all(np.isnan(value) for value, _ in answers_of({"a": none[:0]}).values())
    assert all(np.isnan(value) for value, _ in answers_of({}).values())
