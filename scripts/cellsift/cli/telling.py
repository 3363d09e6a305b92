"""What a command says in the end: for people, or as JSON for programs."""

import json
from collections.abc import Mapping
from typing import Any

import typer

AS_JSON = typer.Option("--json", help="Print what was found as JSON.")
DRY_RUN = typer.Option("--dry-run", help="Say what would be written, and write nothing.")


def tell(found: Mapping[str, Any], sentence: str, as_json: bool) -> None:
    """Print `found` as one JSON object, or the sentence."""
    print(json.dumps(found, indent=1) if as_json else sentence)
