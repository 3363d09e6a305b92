"""A results folder as the report reads it."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cellsift.errors import InputError
from cellsift.io.json_files import read_json


@dataclass(frozen=True)
class Results:
    """Where the tables lie, and what the run that wrote them was told.

    `configuration` is the completed config, `roles` the role of each brain, `recipes` says what
    each arm is: by name its architecture, options, recipe and description.
    """

    folder: Path
    configuration: dict = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    recipes: dict[str, dict] = field(default_factory=dict)

    @property
    def arms(self) -> list[str]:
        """Names of the arms: in the config's order, else those that have a model, sorted."""
        models = self.folder / "models"
        trained = sorted(p.name for p in models.iterdir() if p.is_dir()) if models.is_dir() else []
        return list(self.configuration.get("arms") or trained)

    @property
    def brains(self) -> dict[str, str]:
        """Role of each brain: those given, else of all that preflight has looked at, sorted."""
        if self.roles:
            return self.roles
        names = sorted(path.parent.name for path in self.folder.glob("brains/*/preflight.json"))
        evaluated = self.evaluation("detection")
        known = dict(zip(evaluated["brain"], evaluated["role"], strict=True))
        return {name: known.get(name, "predict") for name in names}

    @property
    def floor(self) -> list[str]:
        """Arms of the tables that were not trained: the brightness threshold to be beaten."""
        found = self.evaluation("classification")["arm"].unique()
        return [arm for arm in found if arm not in self.arms]

    def refusal(self, brain: str) -> str | None:
        """Why a brain's volumes cannot be worked on, as preflight said; None where they can."""
        return self._note(brain, "checked.json").get("refused")

    def found(self, brain: str) -> dict:
        """What preflight found in a brain's volumes and, where it is annotated, its annotation."""
        # An older preflight.json may be left of volumes that were replaced since.
        return self._note(brain, "preflight.json") | self._note(brain, "checked.json")

    def doubts(self, brain: str) -> list[str]:
        """What preflight, and the labels of candidates, found that may be wrong with a brain."""
        notes = [self._note(brain, f"{name}.json") for name in ("checked", "preflight", "labels")]
        return list(dict.fromkeys(said for note in notes for said in note.get("warnings", [])))

    def misplaced(self, brain: str) -> list[str]:
        """What makes it likely that a brain's annotation lies elsewhere than its candidates."""
        return self._note(brain, "labels.json").get("warnings", [])

    def _note(self, brain: str, name: str) -> dict:
        path = self.folder / "brains" / brain / name
        return read_json(path) if path.is_file() else {}

    def evaluation(self, name: str) -> pd.DataFrame:
        """A table of results/evaluation, by its name without .csv."""
        return self.table("evaluation", f"{name}.csv")

    def table(self, *parts: str) -> pd.DataFrame:
        """A CSV of the results folder. Raises InputError where it is missing or broken."""
        path = self.folder.joinpath(*parts)
        try:
            return pd.read_csv(path, dtype={"brain": str, "arm": str})
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such file; run the step that makes it") from None
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise InputError(
                f"{path}: not readable as a table ({error}); delete it and run again"
            ) from error

    def model(self, arm: str) -> dict:
        """The JSON document of a trained arm: threshold, temperature, provenance."""
        path = self.folder / "models" / arm / "model.json"
        if not path.is_file():
            raise InputError(f"{path}: there is no such model; train the arm {arm!r} first")
        return read_json(path)

    def cost(self) -> pd.DataFrame:
        """What each arm costs, one row for each; arms that were not measured have no row."""
        rows = []
        for arm in self.arms:
            path = self.folder / "evaluation" / "cost" / f"{arm}.json"
            if path.is_file():
                rows.append({"arm": arm} | read_json(path))
        return pd.DataFrame(rows, columns=None if rows else ["arm"])

    def scored(self, brain: str) -> dict[str, pd.DataFrame]:
        """For each arm that classified a brain: its table z, y, x, p_cell, is_cell."""
        found = {}
        for arm in self.arms:
            if (self.folder / "brains" / brain / arm / "cells.csv").is_file():
                cells = self.table("brains", brain, arm, "cells.csv")
                found[arm] = cells.assign(is_cell=cells["is_cell"].astype(bool))
        return found
