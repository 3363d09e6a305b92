"""Cells that are called twice raise the alarm, and cells in clusters, each called once, do not."""

import doctest

import numpy as np
import pandas as pd
import pytest
from appearances import appearance, classified

from cellsift.evaluation.alarm import doubles
from cellsift.evaluation.alarm.comparison import Comparison, compare
from cellsift.evaluation.alarm.doubles import cells_per_place
from cellsift.evaluation.alarm.reasons import in_terminal, reasons, to_document
from cellsift.evaluation.alarm.statistics import statistics_of

VOXEL = (5.0, 2.0, 2.0)
TWICE = np.log(2)


def found(at: np.ndarray, voxel_size=VOXEL) -> float:
    """The number of cells called at positions (n, 3) in µm."""
    table = pd.DataFrame(at / voxel_size, columns=["z", "y", "x"]).assign(is_cell=True)
    return cells_per_place({"arm": table}, voxel_size)[0]


def clusters(seed: int, number: int = 30, of: int = 12) -> np.ndarray:
    """Cells in clusters, in µm: none nearer to another than 12, in clusters about 60 wide."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.unravel_index(np.arange(64), (4,) * 3), axis=1)
    cells = [15.0 * random.permutation(grid)[:of] + random.uniform(-1.5, 1.5, (of, 3))]
    for _ in range(number - 1):
        cells.append(15.0 * random.permutation(grid)[:of] + random.uniform(-1.5, 1.5, (of, 3)))
    return np.concatenate([one + random.uniform(0, 900, 3) for one in cells])


def doubled(at: np.ndarray, share: float = 1.0) -> np.ndarray:
    """The cells, a share of them called a second time 3 to 5 µm away."""
    random = np.random.default_rng(9)
    again = at[: round(share * len(at))]
    away = random.normal(size=again.shape)
    away *= random.uniform(3, 5, (len(again), 1)) / np.linalg.norm(away, axis=1, keepdims=True)
    return np.concatenate([at, again + away])


def compared(twice: float, of_train: float = 0.0, trained: int = 2) -> Comparison:
    """A brain of whose called cells that share is called twice, beside train brains."""
    brains = [
        statistics_of(appearance(), classified(twice=share, seed=seed))
        for seed, share in enumerate([*[of_train] * trained, twice])
    ]
    return compare(brains[-1], dict(zip("abcdef", brains[:-1], strict=False)))


def test_the_example_holds():
    assert doctest.testmod(doubles).failed == 0


def test_the_more_cells_are_called_twice_the_higher_it_is():
    cells = clusters(1)
    numbers = [found(doubled(cells, share)) for share in (0, 0.3, 0.6, 1)]
    assert numbers == sorted(numbers)
    assert 0.3 * TWICE < numbers[-1] - numbers[0] < 1.1 * TWICE


def test_clusters_of_other_brains_differ_little_however_large():
    numbers = [found(clusters(seed, number)) for seed in range(3) for number in (10, 30, 90)]
    assert np.ptp(numbers) < 0.25 * TWICE


def test_it_does_not_depend_on_the_size_of_nuclei_nor_of_voxels():
    """In nuclei twice as large, second candidates lie twice as far apart."""
    cells = doubled(clusters(1))
    assert found(2 * cells) == pytest.approx(found(cells))
    assert found(cells, (1.0, 0.5, 0.5)) == pytest.approx(found(cells), abs=0.01)


def test_cells_called_twice_raise_the_alarm_and_it_says_what_to_do():
    comparison = compared(twice=1.0)
    assert comparison.raised == ["doubles"]
    (reason,) = reasons(comparison)
    assert "closer together than in the train brains: the same cell may be counted twice" in reason
    assert "called cells at one place" in reason.lower()
    said = in_terminal("mouse", "predict", to_document(comparison))
    assert "closer together" in said
    assert "above all the blocks" in said


def test_where_the_train_brains_have_as_many_there_is_no_alarm():
    """Counts expect what the train brains show."""
    assert not compared(twice=0.0).alarm
    assert not compared(twice=1.0, of_train=1.0).alarm


def test_fewer_of_them_than_in_the_train_brains_raise_none():
    """Nothing is counted twice there."""
    assert compared(twice=0.0, of_train=1.0).raised == []


@pytest.mark.parametrize("trained", ["slabs", "brains"])
def test_thin_sections_and_thick_brains_of_one_kind_raise_none(trained):
    """Around a cell in a section there are as many others within reach, but fewer above it."""
    thick = [anywhere(seed, 2000, (380, 380, 380)) for seed in range(3)]
    slabs = [anywhere(seed, 2000, (30, 1340, 1340)) for seed in range(3)]
    train, others = (slabs, thick) if trained == "slabs" else (thick, slabs)
    for table in others:
        compared = compare(numbers(table), {str(n): numbers(one) for n, one in enumerate(train)})
        assert abs(compared.statistics.loc["per_place", "deviation"]) < 1


def test_cells_called_twice_raise_it_in_a_thin_section_too():
    sections = [anywhere(seed, 600, (12, 1340, 1340)) for seed in range(3)]
    train = {str(n): numbers(one) for n, one in enumerate(sections[:2])}
    again = sections[2].assign(y=sections[2]["y"] + 4)
    assert "doubles" in compare(numbers(pd.concat([sections[2], again])), train).raised


@pytest.mark.parametrize(("few", "raises"), [(10, False), (100, True)])
def test_a_handful_of_called_cells_raises_none_however_close_they_lie(few, raises):
    """Beside train brains with many."""
    train = {str(n): numbers(anywhere(n, 2000, (380, 380, 380))) for n in range(2)}
    cells = anywhere(5, few, (150, 150, 150))
    twice = pd.concat([cells, cells.assign(y=cells["y"] + 4)])
    assert ("doubles" in compare(numbers(twice), train).raised) == raises


@pytest.mark.parametrize(("of_train", "called"), [(12, 12), (40, 40), (40, 300), (300, 40)])
def test_of_few_cells_chance_raises_no_alarm(of_train, called):
    """Cells that lie anywhere, in brains of one kind, few or many: at most one in twenty."""
    tries, raised = 40, 0
    for seed in range(0, 3 * tries, 3):
        train = {str(n): numbers(anywhere(seed + n, of_train)) for n in (1, 2)}
        raised += "doubles" in compare(numbers(anywhere(seed, called)), train).raised
    assert raised / tries <= 0.05


def anywhere(seed: int, count: int, size_um=(100.0, 100.0, 100.0)) -> pd.DataFrame:
    """Called cells at random places."""
    at = np.random.default_rng(seed).uniform(0, size_um, (count, 3)) / VOXEL
    return pd.DataFrame(at, columns=["z", "y", "x"]).assign(p_cell=0.9, is_cell=True)


def numbers(called: pd.DataFrame) -> pd.DataFrame:
    return statistics_of(appearance(), {"arm": called})


def test_without_enough_called_cells_it_is_unknown():
    table = classified(called=0.02)
    assert all(np.isnan(cells_per_place(table, VOXEL)))
    assert (
        "per_place"
        not in compare(statistics_of(appearance(), table), {"a": brain()}).statistics.index
    )
    assert all(np.isnan(cells_per_place({}, VOXEL)))


def brain() -> pd.DataFrame:
    return statistics_of(appearance(), classified())
