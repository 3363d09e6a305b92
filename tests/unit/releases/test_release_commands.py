"""The commands for releases, as the README shows them, and what they say."""

import re
import shlex

import pytest
from small_release import tiny_release

from cellsift.releases.__main__ import main
from cellsift.releases.fetch import MODELS

COMMANDS = ("pack", "list", "fetch", "check", "bioimageio")
START = ".venv/bin/python -m cellsift.releases "


@pytest.mark.slow
def test_the_commands_of_the_readme_work_in_their_order(
    made, tmp_path, repository, monkeypatch, capsys
):
    readme = (repository / "README.md").read_text()
    typed = [line.strip() for line in readme.splitlines() if line.strip().startswith(START)]
    assert {shlex.split(line)[3] for line in typed} == set(COMMANDS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine").symlink_to(made / "results")
    (tmp_path / "results" / "mine").resolve()
    (card,) = re.findall(r"```yaml\n(description: .*?)```", readme, flags=re.DOTALL)
    (tmp_path / "card.yaml").write_text(card)
    for line in typed:
        arguments = shlex.split(line.replace(" resnet_narrow ", " narrow "))[3:]
        assert main(arguments) == 0, line
    said = capsys.readouterr().out
    assert "models/cfos-2026-1.0.0.zip" in said
    assert "cfos-2026@1.0.0  " in said
    assert "differ from those published by at most" in said
    text = (tmp_path / "models" / "cfos-2026-1.0.0.zip").read_bytes()
    assert b"c-Fos nuclei" in text


def test_a_fetched_model_is_where_the_command_says(tmp_path, monkeypatch, capsys):
    tiny_release(tmp_path / "models")
    monkeypatch.setenv(MODELS, str(tmp_path / "models"))
    assert main(["fetch", "tiny"]) == 0
    said = capsys.readouterr().out
    (folder,) = re.findall(r"the model is in (\S+),", said)
    assert (tmp_path / folder / "model.json").is_file()
    assert "tiny 1.0.0: tiny of a" in said


def test_an_empty_and_a_missing_index_are_told(tmp_path, capsys):
    assert main(["list"]) == 2
    assert f"set {MODELS}" in capsys.readouterr().err
    (tmp_path / "index.json").write_text('{"format": "cellsift releases 1", "releases": []}')
    assert main(["list", "--models", str(tmp_path)]) == 0
    assert "lists no releases yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["fetch", "absent.zip"],
        ["check", "no/such/folder"],
        ["pack", "results", "narrow", "--name", "a"],
        ["bioimageio", "absent", "out.zip"],
    ],
)
def test_what_cannot_be_is_a_sentence_and_code_2(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert not said.out
    assert len(said.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"example: python -m cellsift.releases {command}" in capsys.readouterr().out
