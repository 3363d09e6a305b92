"""The start of a rule's job: from the start of its process to the begin of its work.

Snakemake starts every adapter as it always does, but in place of its work the adapter notes the
time and ends. What its work loads later does not count.
"""

import ast
from pathlib import Path

from cellsift.benchmarks.starts.checkout import Side
from cellsift.benchmarks.starts.measuring import Took
from cellsift.io.json_files import read_json

# Of Linux alone one can learn when a process was started.
NOTE = """
import time
cpu, now = time.process_time(), time.clock_gettime(time.CLOCK_BOOTTIME)
import json, os
started = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
took = {"cpu": cpu, "wall": now - started / os.sysconf("SC_CLK_TCK")}
open(snakemake.output[0], "w").write(json.dumps(took))
"""
RULE = """
rule {name}:
    output: "{name}.took"
    log: "{name}.log"
    script: "{name}.py"
"""


def write_starts(side: Side, folder: Path) -> list[str]:
    """Write a workflow in which each adapter of a side starts and does nothing; their names."""
    folder.mkdir()
    names = []
    for path in sorted((side.folder / "scripts").glob("*.py")):
        if (source := without_work(path.read_text())) is not None:
            (folder / path.name).write_text(source)
            names.append(path.stem)
    everything = ", ".join(f'"{name}.took"' for name in names)
    rules = [f"rule all:\n    input: {everything}\n", *(RULE.format(name=name) for name in names)]
    (folder / "Snakefile").write_text("".join(rules))
    return names


def without_work(source: str) -> str | None:
    """An adapter that notes how long it took to come to its work; None for what is no adapter.

    Its work is the block of its `with job(...)`.
    """
    tree = ast.parse(source)
    blocks = [node for node in tree.body if isinstance(node, ast.With) and _is_job(node)]
    if not blocks:
        return None
    blocks[0].body = ast.parse(NOTE).body
    tree.body = tree.body[: tree.body.index(blocks[0]) + 1]
    return ast.unparse(tree)


def _is_job(node: ast.With) -> bool:
    call = node.items[0].context_expr
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "job"


def start_all(side: Side, folder: Path) -> dict[str, Took]:
    """Start each adapter of a workflow that `write_starts` wrote; what each took, by its name."""
    where = ["--snakefile", str(folder / "Snakefile"), "--directory", str(folder)]
    side.python("-m", "snakemake", *where, "--cores", "1", "--forceall", "--quiet", "all")
    found = {path.stem: read_json(path) for path in sorted(folder.glob("*.took"))}
    return {name: Took(**took) for name, took in found.items()}
