"""What the training of one fold reads and writes, beside cuboids and labels."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FinalFiles:
    """Files of the network of an arm that has learnt from all annotated brains.

    Attributes as of `FoldFiles`; without scores, as nothing is held out.
    """

    model: Path
    history: Path
    curves: Path
    checkpoint: Path
    teacher: Path | None = None
    starting_point: Path | None = None


@dataclass(frozen=True)
class FoldFiles:
    """Files of one arm and fold.

    Attributes:
        model: gets the network's JSON sidecar; the weights go beside it (`save_model`).
        history: gets a CSV with a row for each epoch.
        scores: gets a CSV with brain, candidate, label, fold and logit of all held-out candidates,
            ambiguous ones too.
        curves: a folder for what is recorded of the epochs for people.
        checkpoint: a file for this arm and fold alone.
        teacher: JSON sidecar of the recipe's teacher, trained with the same fold held out.
        starting_point: file or folder of the weights that the recipe's pretraining or init_from
            stands for (`read_starting_point`).
    """

    model: Path
    history: Path
    scores: Path
    curves: Path
    checkpoint: Path
    teacher: Path | None = None
    starting_point: Path | None = None
