"""What is found on Snakemake's command line before it is Snakemake's turn."""

from pathlib import Path

import pytest

from cellsift.errors import InputError
from cellsift.workflow.command_line import check_config_file, config_files, only_inspects


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


@pytest.mark.parametrize(
    ("arguments", "look"),
    [
        ("--dry-run", True),
        ("results/a.csv -np", True),
        ("-pn --profile slurm", True),
        ("--executor dryrun", True),
        ("--lint", True),
        ("--summary", True),
        ("--list-changes code", True),
        ("--rulegraph", True),
        ("--report", True),
        ("--report r.zip", True),
        ("--report r.zip --report-after-run --cores 1", False),
        ("--help", True),
        ("--profile slurm", False),
        ("--cores 1 -k -- -n", False),
        ("--touch", False),
        ("--unlock", False),
        ("--conda-create-envs-only", False),
        ("--cores 1 --executor nothing", False),
        ("", False),
    ],
)
def test_looks_are_told_from_runs(arguments, look, capfd):
    assert only_inspects(arguments.split()) == look
    assert capfd.readouterr() == ("", "")


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
