"""Changed files of a brain are noticed, and looking for changes is cheap."""

import dataclasses
from pathlib import Path

import pytest

from cellsift.settings.brains import Brain
from cellsift.workflow import stamp
from cellsift.workflow.stamp import data_stamp

PLANES = 50


@pytest.fixture
def brain(tmp_path) -> Brain:
    folder = tmp_path / "signal"
    folder.mkdir()
    for z in range(PLANES):
        (folder / f"plane_{z:03}.tif").write_bytes(bytes(z))
    return Brain("mouse", str(folder), (5, 2, 2))


def in_a_new_process(brain: Brain) -> str:
    stamp._entries.cache_clear()
    return data_stamp(brain)


def test_a_plane_that_was_changed_added_or_removed_changes_the_stamp(brain):
    folder, seen = Path(brain.signal), {in_a_new_process(brain)}
    assert in_a_new_process(brain) in seen
    (folder / "plane_007.tif").write_bytes(b"another")
    seen.add(in_a_new_process(brain))
    (folder / "plane_008.tif").unlink()
    seen.add(in_a_new_process(brain))
    (folder / "plane_100.tif").write_bytes(b"")
    seen.add(in_a_new_process(brain))
    assert len(seen) == 4


def test_a_changed_or_further_annotator_changes_the_stamp(brain, tmp_path):
    several = dataclasses.replace(brain, cells=str(tmp_path / "m..*.csv"))
    seen = {in_a_new_process(several)}
    for name, content in (("anna", "a"), ("ben", "b"), ("anna", "other")):
        (tmp_path / f"m..{name}.csv").write_text(content)
        seen.add(in_a_new_process(several))
    assert len(seen) == 4
    (tmp_path / "m2..cleo.csv").write_text("of another brain")
    assert in_a_new_process(several) in seen


def test_a_process_looks_at_each_plane_once_however_many_jobs_ask(brain, monkeypatch):
    stamp._entries.cache_clear()
    asked, usual = [], Path.stat

    def counting(path, **options):
        asked.append(path.name)
        return usual(path, **options)

    monkeypatch.setattr(Path, "stat", counting)
    stamps = {data_stamp(brain) for _ in range(10)}
    assert len(stamps) == 1
    assert sorted(set(asked)) == sorted(asked)
    assert len(asked) >= PLANES
