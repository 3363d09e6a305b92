"""The rules as they are written."""

import re
from pathlib import Path


def text_of_rules(repository: Path) -> dict[str, str]:
    """What the workflow says of each rule, by its name."""
    text = "".join(p.read_text() for p in (repository / "workflow/rules").glob("*.smk"))
    _, *parts = re.split(r"^(?:rule|use rule \w+ as) (\w+)", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def threads_of(text: str) -> str:
    """What a rule's text says of its threads; without a word of them, Snakemake gives it one."""
    said = re.search(r"^    threads: (.+)$", text, flags=re.MULTILINE)
    return said[1] if said else "1"


def script_of(text: str, repository: Path) -> str:
    """The script that a rule's text names, as text; a rule made of another one names none."""
    named = re.search(r"scripts/\w+\.py", text)
    return (repository / named[0]).read_text() if named else ""


def step_of(text: str, repository: Path) -> str:
    """The step that the script of a rule's text calls, as text."""
    named = re.search(r"from cellsift\.(steps\.\w+) import", script_of(text, repository))
    if not named:
        return ""
    return (repository / "scripts/cellsift" / f"{named[1].replace('.', '/')}.py").read_text()
