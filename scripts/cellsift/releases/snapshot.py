"""What a run has noted of its code, config and environment, without places of its machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.results import Results

# Keys of the config that are about places, not about science.
PLACES = ("results", "brains_table", "models")
PLACES_OF = {"annotation": ("folder",), "release": ("card",)}
NOTHING: dict[str, Any] = {
    "cellsift": None,
    "commit": None,
    "changed": None,
    "config": None,
    "environment": None,
}


def read_snapshot(results: Results, made: Mapping[str, Any]) -> dict[str, Any]:
    """What `run.json` in the results says; of results without it, what is known otherwise.

    Args:
        made: the arm's provenance, of model.json.

    Raises InputError for a file that cannot be read.
    """
    if not results.run.is_file():
        versions = dict(made.get("versions", {}))
        return NOTHING | {"cellsift": versions.get("cellsift"), "environment": versions or None}
    try:
        found = NOTHING | read_json(results.run)
        return found | {"config": without_places(found["config"])}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{results.run}: cannot be read ({error}); remove it, and run anew"
        ) from None


def without_places(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A config without its folders.

    Example:
        >>> without_places({"seed": 1, "results": "/disk/mine", "annotation": {"folder": "a"}})
        {'seed': 1, 'annotation': {}}
    """
    if config is None:
        return None
    return {
        key: {k: v for k, v in value.items() if k not in PLACES_OF[key]}
        if key in PLACES_OF and value is not None
        else value
        for key, value in config.items()
        if key not in PLACES
    }


def write_snapshot(run: Mapping[str, Any], folder: Path) -> None:
    """Write config.yaml, if it is known, and environment.json to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if run["config"] is not None:
        text = yaml.safe_dump(run["config"], sort_keys=False, allow_unicode=True, width=100)
        (folder / "config.yaml").write_text(text, encoding="utf-8")
    code = {key: run[key] for key in ("cellsift", "commit", "changed", "environment")}
    write_json(code, folder / "environment.json")
