"""The page on what detection alone does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellsift.reporting.pages import write_page
from cellsift.settings.files import REPORTS


def try_detection(
    results: str | Path,
    detection: Mapping[str, Mapping[str, Any]],
    out: str | Path,
    tuned: Mapping[str, str | Path] | None = None,
    *,
    draft: bool = False,
) -> None:
    """Write the page of detection of a folder of results to `out`, whole or not at all.

    `detection` gives the method and parameters of each annotated train brain, `tuned` the files of
    a search for a detector: `trials`, `outcome` and `config`; of a `draft` the page says so.
    Raises as `write_page` does.
    """
    parameters = {
        "results": str(Path(results).resolve()),
        "detection": {name: dict(given) for name, given in detection.items()},
        "tuned": {kind: str(path) for kind, path in (tuned or {}).items()},
    }
    title = "cellsift: what detection finds"
    write_page(REPORTS / "detection.ipynb", parameters, title, out, draft=draft)
