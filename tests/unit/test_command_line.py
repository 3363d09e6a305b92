"""The config files of a run are found on Snakemake's command line, and looked at before it does."""

from pathlib import Path

import pytest

from cellsift.command_line import check_config_file, config_files
from cellsift.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["--configfile", "mine.yaml"], ["mine.yaml"]),
        (["--cores", "1", "--configfile=mine.yaml", "--dry-run"], ["mine.yaml"]),
        (["--configfiles", "a.yaml", "b.yaml", "--cores", "1"], ["a.yaml", "b.yaml"]),
        (["--configfile", "mine.yaml", "--config", "results=results/mine"], ["mine.yaml"]),
        (["-n", "--config", "results=results/mine", "--", "--configfile"], ["config/config.yaml"]),
        ([], ["config/config.yaml"]),
    ],
)
def test_config_files_are_those_given_or_the_shipped_one(
    arguments, files, tmp_path, repository, monkeypatch
):
    monkeypatch.chdir(repository)
    assert config_files(arguments) == [Path(file) for file in files]
    # Elsewhere there is no shipped one to look at.
    monkeypatch.chdir(tmp_path)
    assert config_files([]) == []


def test_the_shipped_config_passes(repository):
    check_config_file(repository / "config" / "config.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"arms: &a [*a]", "alias"),
        (b"arms: &a {x: *a}", "alias"),
        (b"arms: [resnet\xff]", "UTF-8|utf-8"),
        (b"__use_yte__: true\narms: ?open('made', 'w')", "run as code"),
        (b"__use_yte__: false", "run as code"),
        (b"- resnet", "keys with values"),
    ],
)
def test_a_config_that_snakemake_would_stumble_over_or_run_is_refused(content, said, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"(?s)mine\.yaml: .*({said})"):
        check_config_file(path)


def test_a_config_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"mine\.yaml: there is no such file"):
        check_config_file(tmp_path / "mine.yaml")
