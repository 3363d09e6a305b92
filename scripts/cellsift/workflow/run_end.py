"""What a run that succeeded says at its end."""

import os
from collections.abc import Iterable
from pathlib import Path

# More files than these are counted, not named.
NAMED = 3


def what_is_done(results: str | Path, files: Iterable[str]) -> str:
    """The last words of a run whose aim was these `files`: where the report is, or what it made.

    The report is named where it is one of the files, not where it is one of an earlier run.
    """
    report = f"{results}/reports/index.html"
    made = sorted({str(file) for file in files if os.path.exists(file)})
    if report in made:
        # A browser takes it also where the path has spaces.
        return f"The report is in {report}: open {Path(report).absolute().as_uri()} in a browser."
    if not made:
        return "Done."
    more = f" and {len(made) - NAMED} more" if len(made) > NAMED else ""
    return f"Done: {', '.join(made[:NAMED])}{more}"
