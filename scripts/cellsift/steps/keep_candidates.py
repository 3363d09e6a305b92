"""Drop candidates below the chosen contrast."""

import shutil
from pathlib import Path

from cellsift.io.atomic import atomic_file
from cellsift.io.json_files import read_json


def keep_candidates(detected: str | Path, threshold: str | Path, out: str | Path) -> None:
    """Write the detected candidates that reach the threshold of `choose_contrast` to `out`."""
    least = read_json(threshold)["threshold"]
    if least is None:
        with atomic_file(out) as beside:
            shutil.copyfile(detected, beside)
        print("All candidates kept")
    else:
        _keep_from(least, detected, out)


def _keep_from(least: float, detected: str | Path, out: str | Path) -> None:
    # To copy a table, pandas need not be loaded.
    from cellsift.io.tables import read_table, write_table

    candidates = read_table(detected)
    kept = candidates[candidates["contrast"] >= least]
    write_table(kept, out)
    print(f"{len(kept)} of {len(candidates)} candidates kept")
