#!/usr/bin/env bash
# snakemake 9.27.1, seen 2026-11-30.
# Where the virtual environment lies in a folder with a space in its path, such as "OneDrive - University", every rule
# with script: ends with exit status 127, "No such file or directory", and every rule with run: likewise: the path of
# the script is quoted on the command line, that of the Python that runs it is not. Rules with shell: work. One would
# expect both to be quoted.
# Touches in cellsift: all rules are scripts; scripts/cellsift/python_of_jobs.py has Python started by its name.
# Output seen:
#   snakemake 9.27.1
#   exit status of snakemake by kind of rule: {'shell': 0, 'run': 1, 'script': 1}
#   /usr/bin/bash: line 1: FOLDER/OneDrive: No such file or directory
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/OneDrive - University/venv"
"$folder/OneDrive - University/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check \
  snakemake==9.27.1
cd "$folder"
cat > look.py <<'END'
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

Path("Snakefile").write_text("""
rule by_shell:
    output: "shell.txt"
    shell: "touch {output}"
rule by_run:
    output: "run.txt"
    run: open(output[0], "w").close()
rule by_script:
    output: "script.txt"
    script: "write.py"
""")
Path("write.py").write_text('open(snakemake.output[0], "w").close()')


def ends(target):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", target]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr


print("snakemake", version("snakemake"))
said = {rule: ends(f"{rule}.txt") for rule in ("shell", "run", "script")}
print("exit status of snakemake by kind of rule:", {rule: status for rule, (status, _) in said.items()})
print(*(line.replace(str(Path.cwd()), "FOLDER") for line in said["script"][1].splitlines() if "No such file" in line))
if said["shell"][0] != 0 or said["run"][0] == 0 or "exit status 127" not in said["script"][1]:
    sys.exit("No longer as stated.")
END
PYTHONPATH= "OneDrive - University/venv/bin/python" look.py
