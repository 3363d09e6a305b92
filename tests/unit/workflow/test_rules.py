"""The rules, as `snakemake --list` shows them, and what their scripts do."""

import ast
import re
from pathlib import Path

from rule_texts import script_of, text_of_rules

DOCSTRING = re.compile(r'\s*(?:with)?:\n    """([A-Z].+\.)"""\n')
# What a script may import of the package: its step, settings as objects, and its job.
ROOMS = {"steps", "settings", "workflow", "io", "detection", "training"}


def test_every_rule_says_what_it_does(repository):
    text = (repository / "workflow" / "Snakefile").read_text()
    rules = text_of_rules(repository) | {"all": re.split(r"^rule all", text, flags=re.M)[1]}
    assert len(rules) > 30
    said = {}
    for name, rule in rules.items():
        docstring = DOCSTRING.match(rule)
        assert docstring, name
        said[name] = docstring[1]
    assert len(set(said.values())) == len(said)


def test_a_script_calls_the_step_of_its_name(repository):
    """And does nothing else: what is computed does not depend on Snakemake."""
    steps = {path.stem for path in (repository / "scripts/cellsift/steps").glob("*.py")}
    checked = 0
    for rule, text in text_of_rules(repository).items():
        script = script_of(text, repository)
        if rule not in steps or not script:
            continue
        imported = imports_of(script)
        assert f"cellsift.steps.{rule}" in imported, rule
        assert sum(name.startswith("cellsift.steps") for name in imported) == 1, rule
        own = {name for name in imported if name.startswith("cellsift")}
        assert {name.split(".")[1] for name in own} <= ROOMS, rule
        (work,) = [part for part in ast.parse(script).body if isinstance(part, ast.With)]
        assert not any(isinstance(part, ast.For | ast.If | ast.Try) for part in work.body), rule
        checked += 1
    assert checked >= 25


def test_no_step_knows_of_snakemake(repository):
    for path in (repository / "scripts/cellsift/steps").glob("*.py"):
        imported = imports_of(path.read_text())
        foreign = [name for name in imported if name.startswith(("snakemake", "cellsift.workflow"))]
        assert not foreign, path
        assert "cellsift.results" not in imported, path


def imports_of(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def test_the_snakefile_is_a_table_of_contents(repository):
    """Config, includes, the rule all, and handlers of a line or two."""
    text = (repository / "workflow" / "Snakefile").read_text()
    included = re.findall(r'^include: "rules/(\w+\.smk)"$', text, flags=re.MULTILINE)
    rules = {path.name for path in Path(repository / "workflow" / "rules").iterdir()}
    assert set(included) == rules
    assert "def " not in text
    for handler in ("onstart", "onsuccess", "onerror"):
        body = re.search(rf"^{handler}:\n((?:    .*\n)+)", text, flags=re.MULTILINE)[1]
        code = [line for line in body.splitlines() if not line.strip().startswith("#")]
        assert len(code) <= 4, handler
