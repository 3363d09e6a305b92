"""The page of one brain."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellsift.reporting.pages import write_brain
from cellsift.settings.brains import Brain


def report_brain(
    results: str | Path,
    brain: Brain,
    cuboids: Sequence[str | Path],
    configuration: Mapping[str, Any],
    out: str | Path,
    sample: str | Path | None = None,
    corrections: Sequence[str | Path] = (),
) -> None:
    """Write the page of a brain, with its role and annotation, to `out`.

    `results` is the folder of the run's results, `cuboids` are the brain's stores, `sample` is
    the summary of what people have labelled in it, `corrections` what that changed, by arm in a
    folder of its name. Raises as `write_brain` does.
    """
    information = {
        "role": brain.role,
        "cells": brain.cells,
        "non_cells": brain.non_cells,
        "candidates": brain.candidates,
        "cuboids": [str(path) for path in cuboids],
        "sample": str(sample) if sample else None,
        "corrections": {Path(path).parent.name: str(path) for path in corrections},
    }
    write_brain(results, brain.name, information, out, dict(configuration))
