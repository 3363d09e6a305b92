"""The page of what to annotate next in a brain."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.reporting.pages import write_page
from cellsift.settings.files import REPORTS


def show_suggestions(
    results: str | Path,
    brain: str,
    role: str,
    signal: str,
    cuboids: Sequence[str | Path],
    out: str | Path,
    corrected_with: Sequence[str] = (),
    *,
    draft: bool = False,
) -> None:
    """Write the page to `out`, whole or not at all.

    `results` is the folder of the run's results, `signal` the path of the brain's signal as its
    table has it, `cuboids` are its stores, `corrected_with` what `counts: corrected` has to be for
    answers to count; empty where they do. Of a `draft` the page says so. Raises as `write_page`
    does.
    """
    parameters = {
        "results": str(Path(results).resolve()),
        "shown_results": str(results),
        "brain": brain,
        "role": role,
        "signal": signal,
        "cuboids": [str(path) for path in cuboids],
        "corrected_with": list(corrected_with),
    }
    title = f"cellsift: what to annotate in brain {brain}"
    write_page(REPORTS / "suggestions.ipynb", parameters, title, out, draft=draft)
