"""Drop candidates below the chosen contrast."""

from pathlib import Path

from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table, write_table


def keep_candidates(detected: str | Path, threshold: str | Path, out: str | Path) -> None:
    """Write the detected candidates that reach the threshold of `choose_contrast` to `out`."""
    candidates = read_table(detected)
    least = read_json(threshold)["threshold"]
    kept = candidates if least is None else candidates[candidates["contrast"] >= least]
    write_table(kept, out)
    print(f"{len(kept)} of {len(candidates)} candidates kept")
