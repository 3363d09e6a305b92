"""scripts/run.py goes on as Snakemake, whose modules are loaded once."""

import os
import subprocess
import sys

SNAKEFILE = """
import sys
print("begun as", sys.orig_argv[1], "with", *sys.argv[1:], file=sys.stderr)
rule made:
    output: "made.txt"
    shell: "echo made > {output}"
"""


def run(repository, folder, *arguments):
    (folder / "Snakefile").write_text(SNAKEFILE)
    return subprocess.run(
        [
            sys.executable,
            str(repository / "scripts/run.py"),
            "--snakefile",
            "Snakefile",
            *arguments,
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(repository / "scripts")},
        capture_output=True,
        text=True,
    )


def test_snakemake_runs_in_the_process_of_the_command(repository, tmp_path):
    looked = run(repository, tmp_path, "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert not (tmp_path / "made.txt").exists()
    begun = f"begun as {repository / 'scripts/run.py'} with --snakefile Snakefile"
    assert f"{begun} --dry-run" in looked.stderr
    made = run(repository, tmp_path, "--cores", "1")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "made.txt").read_text() == "made\n"
    assert f"{begun} --cores 1" in made.stderr


def test_its_exit_code_is_snakemakes(repository, tmp_path):
    assert run(repository, tmp_path, "--cores", "1", "nothing_makes_this").returncode == 1
    assert run(repository, tmp_path, "--no-such-option").returncode == 2
