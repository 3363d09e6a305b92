"""Models that travel, by the command line: the commands of the README, and what they say."""

import json
import re
import shlex

import numpy as np
import pytest
import tifffile
from small_release import TEXTS, tiny_release

from cellsift.cli import main
from cellsift.releases.fetch import MODELS

# The first words of what the README types, in its order.
COMMANDS = ["release", "models list", "models fetch", "models check", "export"]


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.mark.slow
def test_the_commands_of_the_readme_work_in_their_order(
    made, tmp_path, repository, monkeypatch, capsys
):
    readme = (repository / "README.md").read_text()
    section = readme.split("## Models that travel")[1].split("### In cellfinder")[0]
    lines = [line for line in section.splitlines() if line.startswith("cellsift ")]
    for line, command in zip(lines, COMMANDS, strict=True):
        assert line.startswith(f"cellsift {command} ")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine").symlink_to(made / "results")
    (card,) = re.findall(r"```yaml\n(description: .*?)```", readme, flags=re.DOTALL)
    (tmp_path / "card.yaml").write_text(card)
    for line in lines:
        typed = shlex.split(line.replace(" resnet_narrow ", " narrow "))[1:]
        assert run(*typed) == 0, line
    said = capsys.readouterr().out
    assert "models/cfos-2026-1.0.0.zip" in said
    assert "cfos-2026@1.0.0  " in said
    assert "differ from those published by at most" in said
    assert b"c-Fos nuclei" in (tmp_path / "models" / "cfos-2026-1.0.0.zip").read_bytes()
    assert (tmp_path / "cfos-2026.bioimageio.zip").is_file()


@pytest.mark.slow
def test_a_release_classifies_a_volume_by_its_name(made, tmp_path, capsys):
    volume = np.random.default_rng(1).integers(0, 500, (24, 60, 60)).astype(np.uint16)
    volume[10:13, 28:33, 28:33] += 3000
    image = tmp_path / "a.tif"
    tifffile.imwrite(image, volume, photometric="minisblack")
    given = ["classify", "blobs", image, "--models", made / "models", "--json"]
    given += ["--voxel-size", 5, 2, 2, "--out", tmp_path / "out", "--background", image]
    assert run(*given) == 0
    assert json.loads(capsys.readouterr().out)["candidates"] > 0
    assert (tmp_path / "out" / "cells.xml").is_file()


def test_a_dry_run_writes_nothing(made, tmp_path, capsys):
    given = ["release", made / "results", "narrow", "--name", "x-2026", "--to", tmp_path / "m"]
    assert run(*given, "--dry-run") == 0
    assert "x-2026-1.0.0.zip" in capsys.readouterr().out
    file = tmp_path / "arm.onnx"
    given = ["export", "blobs", file, "--to", "onnx", "--models", made / "models"]
    assert run(*given, "--dry-run") == 0
    assert not file.exists()
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
def test_a_whole_arm_is_written_for_programs_with_onnx(made, tmp_path):
    file = tmp_path / "arm.onnx"
    assert run("export", made / "results" / "models" / "narrow", file, "--to", "onnx") == 0
    assert file.stat().st_size > 1000


def test_a_fetched_model_is_where_the_command_says(tmp_path, monkeypatch, capsys):
    tiny_release(tmp_path / "models")
    monkeypatch.setenv(MODELS, str(tmp_path / "models"))
    assert run("models", "fetch", "tiny") == 0
    said = capsys.readouterr().out
    (folder,) = re.findall(r"the model is in (\S+)", said)
    assert (tmp_path / folder / "model.json").is_file()
    assert "tiny 1.0.0: tiny of a" in said


def test_a_card_is_shown(made, capsys):
    assert run("models", "show", "blobs", "--models", made / "models") == 0
    assert TEXTS["tissue"] in capsys.readouterr().out


def test_an_empty_and_a_missing_index_are_told(tmp_path, capsys):
    assert run("models", "list") == 2
    assert f"set {MODELS}" in capsys.readouterr().err
    (tmp_path / "index.json").write_text('{"format": "cellsift releases 1", "releases": []}')
    assert run("models", "list", "--models", tmp_path) == 0
    assert "lists no releases yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["models", "fetch", "absent.zip"],
        ["models", "check", "no/such/folder"],
        ["release", "results", "narrow", "--name", "a"],
        ["export", "absent", "out.zip", "--to", "bioimageio"],
    ],
)
def test_what_cannot_be_is_a_sentence_and_code_2(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert not said.out
    assert len(said.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example(command, capsys):
    assert run(*command.split(), "--help") == 0
    assert f"Example: cellsift {command}" in " ".join(capsys.readouterr().out.split())
