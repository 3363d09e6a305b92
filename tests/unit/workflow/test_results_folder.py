"""Results that cannot be written are refused before any work; what was refused is not kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.workflow.results_folder import LEAST_ROOM, refuse_unwritable, remove_refusals

FOLDERS = ["", "mine", "mine/of/today"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_can_be_written_to_passes_and_is_not_made(folder, tmp_path):
    refuse_unwritable(tmp_path / folder)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_one_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse_unwritable("results")
    (tmp_path / "results").write_text("")
    with pytest.raises(InputError, match="results: .*Not a directory"):
        refuse_unwritable("results")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_full_disk_is_refused(folder, new_disk):
    disk = new_disk(f"{2 * LEAST_ROOM}")
    refuse_unwritable(disk / folder)
    (disk / "filler").write_bytes(bytes(LEAST_ROOM + 4096))
    with pytest.raises(InputError, match=rf"{disk}: there is no room .* Free some space"):
        refuse_unwritable(disk / folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_read_only_disk_is_refused(folder, new_disk):
    disk = new_disk("20m")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(InputError, match=rf"{disk}: .*Read-only.*set results in the config"):
        refuse_unwritable(disk / folder)


def test_a_folder_without_permission_is_refused(obeying, tmp_path):
    if obeying is None:
        pytest.skip("root may write everywhere, and setpriv is not there to forbid it")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    module = "cellsift.workflow.results_folder"
    asked = f"from {module} import *; refuse_unwritable({str(closed / 'mine')!r})"
    done = subprocess.run([*obeying, sys.executable, "-c", asked], capture_output=True, text=True)
    assert f"{closed}: this may not be read or written (Permission denied)" in done.stderr


@pytest.mark.parametrize("target", ["share/results", "nowhere"])
def test_a_link_that_leads_nowhere_is_refused(target, tmp_path):
    """Such as that to a network share which is not mounted."""
    (tmp_path / "results").symlink_to(Path("/") / "unmounted" / target)
    with pytest.raises(InputError, match="results: .*mounted"):
        refuse_unwritable(tmp_path / "results")


def test_what_is_known_of_refused_brains_alone_is_forgotten(tmp_path):
    for brain, note in (("good", {"channels": 1}), ("bad", {"refused": "brain bad: dark"})):
        write_json(note, tmp_path / "brains" / brain / "checked.json")
    (tmp_path / "brains" / "half").mkdir()
    (tmp_path / "brains" / "half" / "checked.json").write_text("{")
    remove_refusals(tmp_path)
    remove_refusals(tmp_path / "nowhere")
    left = {path.parent.name for path in tmp_path.rglob("checked.json")}
    assert left == {"good", "half"}
