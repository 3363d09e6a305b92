"""JSON documents, written whole or not at all."""

import json
from pathlib import Path

from cellsift.io.atomic import atomic_file


def write_json(content: dict, path: str | Path) -> None:
    """Write a JSON document, whole or not at all; it ends with a newline."""
    with atomic_file(path) as beside:
        beside.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> dict:
    """Read a JSON document."""
    return json.loads(Path(path).read_text())
