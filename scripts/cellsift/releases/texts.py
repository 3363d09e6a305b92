"""What people say of a model: the part of its card that no table knows."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from cellsift.settings.checking import completed
from cellsift.settings.files import read_yaml
from cellsift.settings.values import Settings

Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,300}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class Texts(Settings):
    """What a model card says of tissue, use and rights; what is left out is said to be unknown."""

    description: Line | None = Field(None, description="What the model is, in one line.")
    tissue: Text | None = Field(
        None, description="Species, tissue, marker, clearing and microscope of the train brains."
    )
    intended_use: Text | None = Field(None, description="What it is for.")
    limits: Text | None = Field(None, description="Where it is known, or likely, to fail.")
    licence: Line | None = Field(None, description="Its SPDX name, such as CC-BY-4.0.")
    citation: Text | None = Field(None, description="What users are asked to cite.")
    authors: list[Line] = Field([], description="Names of those who made it.")


def read_texts(path: str | Path | None) -> Texts:
    """The texts in a YAML file, or none of them; InputError for other keys or values."""
    if path is None:
        return Texts()
    return completed(Texts, read_yaml(Path(path)), str(path))
