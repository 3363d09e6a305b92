"""A model card as Markdown, for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

UNKNOWN = "unknown"
HEADINGS = {
    "tissue": "Tissue",
    "intended_use": "Intended use",
    "limits": "Limits",
    "licence": "Licence",
    "citation": "Citation",
}
SHOWN = {
    "end_to_end": ("Cells found, detection included", ("precision", "recall", "f1")),
    "classification": (
        "Candidates told apart",
        ("precision", "recall", "f1", "average_precision", "brier"),
    ),
}
SCORES = {"out-of-fold": "held out of training, fold by fold", "locked": "never fitted on"}


def card_text(card: Mapping[str, Any]) -> str:
    """The card of `make_card` as Markdown; what is not known is said to be unknown."""
    parts = [
        f"# {card['name']} {card['version']}",
        card["description"] + ".",
        *(f"## {title}\n\n{card['texts'].get(key) or UNKNOWN}" for key, title in HEADINGS.items()),
        f"## Authors\n\n{', '.join(card['texts']['authors']) or UNKNOWN}",
        "## What it takes\n\n" + _takes(card),
        "## What it learnt from\n\n" + _training(card["training"]),
        "## Validation: held-out figures\n\n"
        + _figures(card["figures"], card["note"], card.get("final")),
        "## Calibration\n\n" + _calibration(card["calibration"]),
        "## How it was made\n\n" + _making(card),
    ]
    return "\n\n".join(parts) + "\n"


def _takes(card: Mapping[str, Any]) -> str:
    takes, detection = card["takes"], card["detection"]
    shape, size = (" x ".join(f"{n:g}" for n in takes[k]) for k in ("shape", "voxel_size_um"))
    channels = "signal" if takes["channels"] == 1 else "signal and background"
    found = UNKNOWN if detection is None else f"`{json.dumps(detection, ensure_ascii=False)}`"
    networks = card["network"]["networks"]
    of = "that of one network" if networks == 1 else f"the mean of {networks} networks"
    return (
        f"Cuboids around candidates, of {shape} voxels of {size} µm (z, y, x), of {channels}; "
        f"normalisation: {', '.join(takes['normalisation'])}. `p_cell` is {of}, or "
        "what an ensemble makes of them; a candidate is a cell where it "
        f"reaches {card['calibration']['threshold']:g}.\n\n"
        f"The candidates that it learnt from were detected by: {found}"
    )


def _training(training: Mapping[str, Any]) -> str:
    rows = [
        [
            brain["name"],
            brain["signal"],
            brain["background"],
            _size(brain["voxel_size_um"]),
            brain["annotated"],
            brain["cell"],
            brain["no_cell"],
            (brain["labels_sha256"] or UNKNOWN)[:16],
        ]
        for brain in training["brains"]
    ]
    columns = ["brain", "signal", "background", "voxels, µm", "annotated cells"]
    columns += ["candidates: cells", "no cells", "labels, SHA-256"]
    earlier = ", ".join(training["earlier_brains"]) or "none"
    return (
        f"{_table(columns, rows)}\n\nSignal and background are fingerprints of the volumes: how "
        "often each intensity occurs in five planes. Brains that its starting weights or teacher "
        f"knew: {earlier}."
    )


def _figures(
    figures: Mapping[str, Sequence[Mapping[str, Any]]],
    note: str | None,
    final: Mapping[str, Any] | None,
) -> str:
    parts = []
    for table, (title, metrics) in SHOWN.items():
        rows = figures[table]
        brains = dict.fromkeys((row["brain"], row["scores"]) for row in rows)
        lines = [
            [brain, SCORES.get(scores, scores), *(_value(rows, brain, m) for m in metrics)]
            for brain, scores in brains
        ]
        if lines:
            parts.append(f"### {title}\n\n" + _table(["brain", "it was", *metrics], lines))
    if not parts:
        return f"{UNKNOWN}: the run's results have no evaluation of this arm."
    said = [f"Those who ran it note: {note}"] if note else []
    of_others = [_of_comparison(final)] if final else []
    return "\n\n".join([*of_others, *parts, "In brackets: 95% intervals.", *said])


def _of_comparison(final: Mapping[str, Any]) -> str:
    epochs = ", ".join(f"{arm} {number}" for arm, number in final["epochs"].items())
    return (
        "**These are figures of the comparison**: of networks by the same recipe, which had not "
        "learnt from what they were measured on. The network released here was trained afterwards, "
        f"once, on {', '.join(final['brains'])}, for as many epochs as the comparison took "
        f"({epochs}). Where these are among the brains below, it knows them, and nothing that it "
        "says of them is a measure of it. Temperature and threshold are the comparison's."
    )


def _value(rows: Sequence[Mapping[str, Any]], brain: str, metric: str) -> str:
    for row in rows:
        if (row["brain"], row["metric"]) == (brain, metric):
            if row["low"] is None or row["high"] is None:
                return f"{row['value']:.3f}"
            return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
    return "–"


def _calibration(calibration: Mapping[str, Any]) -> str:
    return (
        f"Temperature {calibration['temperature']:.4g} and threshold "
        f"{calibration['threshold']:.4g} (chosen for {json.dumps(calibration['criterion'])}) rest "
        f"on out-of-fold scores of {calibration['cells']} cells and {calibration['no_cells']} "
        "others. There the mean negative log likelihood is "
        f"{calibration['negative_log_likelihood_after']:.4f}, without the temperature "
        f"{calibration['negative_log_likelihood_before']:.4f}."
    )


def _making(card: Mapping[str, Any]) -> str:
    run, versions = card["run"], card["training"]["versions"] or {}
    changed = " with changes that are not in it" if run["changed"] else ""
    commit = f"commit {run['commit']}{changed}" if run["commit"] else f"commit {UNKNOWN}"
    trained = ", ".join(f"{name} {number}" for name, number in versions.items()) or UNKNOWN
    return (
        f"By cellsift {run['cellsift'] or UNKNOWN}, {commit}. Trained with {trained}. "
        "`snapshot/` has the config and all packages of the run, as far as they are known; "
        "`card.json` all figures, and the recipe."
    )


def _size(size: Sequence[float] | None) -> str | None:
    return " x ".join(f"{length:g}" for length in size) if size else None


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        f"| {' | '.join(UNKNOWN if cell is None else _cell(cell) for cell in line)} |"
        for line in lines
    )


def _cell(value: object) -> str:
    return str(value).replace("|", r"\|")
