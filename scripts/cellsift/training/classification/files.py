"""What the training of one fold reads and writes, beside cuboids and labels."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FoldFiles:
    """Files of one arm and fold.

    Attributes:
        model_folder: gets fold-{fold}.safetensors and fold-{fold}.json.
        training_folder: gets history.csv, and scores.csv: brain, candidate, label, fold and logit
            of all held-out candidates, ambiguous ones too.
        checkpoint: a file for this arm and fold alone.
        teacher: JSON sidecar of the recipe's teacher, trained with the same fold held out.
        starting_point: file or folder of the weights that the recipe's pretraining or init_from
            stands for (`read_starting_point`).
    """

    model_folder: Path
    training_folder: Path
    checkpoint: Path
    teacher: Path | None = None
    starting_point: Path | None = None
