"""Writes the JSON schemas in workflow/schemas: `python -m cellsift.settings.schemas`."""

from typing import Any

import yaml

from cellsift.settings.arms import ArmFile, EnsembleOptions
from cellsift.settings.brains_table import Row
from cellsift.settings.config import Config
from cellsift.settings.files import SCHEMAS
from cellsift.settings.json_schema import schema_of
from cellsift.settings.pretraining import PretrainingFile
from cellsift.settings.search import Search
from cellsift.settings.values import Settings

HEAD = "# Written by `python -m cellsift.settings.schemas`; edit the settings, not this file.\n"
# What each schema describes, by its title and the name of its file.
OF_FILES: dict[str, tuple[str, type[Settings]]] = {
    "arm": ("An arm of the comparison", ArmFile),
    "brains": ("A row of the brains table", Row),
    "config": ("cellsift configuration", Config),
    "ensemble": ("Options of an arm whose architecture is ensemble", EnsembleOptions),
    "pretraining": ("A pre-training on cuboids without labels", PretrainingFile),
    "search": ("A search for a better recipe of an arm", Search),
}


class _Dumper(yaml.SafeDumper):
    """Writes lists of plain values in a line."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        plain = not any(isinstance(value, dict | list) for value in sequence)
        return super().represent_sequence(tag, sequence, flow_style=plain)

    def ignore_aliases(self, data: Any) -> bool:
        """Whether what is there twice is written twice."""
        return True


def schema_files() -> dict[str, str]:
    """The text of each schema by the name of its file."""
    return {
        f"{name}.schema.yaml": HEAD
        + yaml.dump(
            schema_of(settings, title),
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=100,
        )
        for name, (title, settings) in OF_FILES.items()
    }


if __name__ == "__main__":
    for name, text in schema_files().items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")
