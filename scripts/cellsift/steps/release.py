"""The release that a run makes: an arm that has learnt from all annotated brains, packed."""

from dataclasses import asdict
from pathlib import Path

from cellsift.io.json_files import write_json
from cellsift.releases.texts import read_texts


def release(
    results: str | Path,
    arm: str,
    name: str,
    version: str,
    card: str,
    to: str | Path,
    out: str | Path,
) -> None:
    """Write NAME-VERSION.zip to the folder `to`, list it in its index, and its entry to `out`.

    `results` is the folder of the run, where `train_final` has trained the arm, or its members;
    `card` is a YAML file with what people say of the model, or empty. Raises InputError as
    `pack_final` and `read_texts` do.
    """
    # torch takes seconds to load; a text that cannot be read is told at once.
    texts = read_texts(card or None)
    from cellsift.releases.final import pack_final

    entry = pack_final(results, arm, name, to, version, texts)
    write_json(asdict(entry), out)
    print(f"{Path(to, entry.file)} is the model {name}@{version} of the index {to}")
