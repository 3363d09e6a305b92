"""Which file of weights a path stands for."""

from pathlib import Path

from cellsift.errors import InputError
from cellsift.interop.keras_files import ENDINGS
from cellsift.io.checksums import file_sha256
from cellsift.io.json_files import read_json
from cellsift.io.names import MODEL_FILE, check_file_names
from cellsift.models.storage import weights_path


def model_file(path: str | Path) -> Path:
    """Return the file that holds, or tells of, the weights: an arm stands for its first fold."""
    path = Path(path)
    if path.is_dir():
        path = path / MODEL_FILE
    if not path.is_file():
        raise InputError(
            f"{path} does not exist; start from a model of cellsift (fold-0.json, or an arm's "
            f"folder), a pre-training's backbone.json, or cellfinder's weights "
            f"({', '.join(ENDINGS)})"
        )
    if path.suffix.lower() not in (".json", *ENDINGS):
        raise InputError(
            f"{path}: weights are read from .json (beside .safetensors), {', '.join(ENDINGS)}; "
            "give such a file"
        )
    if path.name == MODEL_FILE:
        path = path.with_name(_first_fold(path))
    return path


def is_keras_file(path: Path) -> bool:
    """Return whether a file is Keras', by the end of its name; all others are cellsift's."""
    return path.suffix.lower() in ENDINGS


def file_hash(path: str | Path) -> str:
    """Return a hash of the file of the weights that a path stands for."""
    path = model_file(path)
    weights = path if is_keras_file(path) else weights_path(path)
    return file_sha256(weights)


def _first_fold(path: Path) -> str:
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    folds = content.get("folds") if isinstance(content, dict) else None
    return check_file_names(folds, path)[0]
