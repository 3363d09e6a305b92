"""A results folder as the report reads it."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from cellsift.errors import InputError
from cellsift.io.json_files import read_json
from cellsift.labels.folds import learnt_from
from cellsift.results import Results
from cellsift.settings.choice import AUTO
from cellsift.settings.draft import is_draft, networks_of

# The most that a config may ask for.
MOST_FOLDS = 20


@dataclass(frozen=True)
class RunResults:
    """Where the tables lie, and what the run that wrote them was told.

    `configuration` is the completed config, `roles` the role of each brain, `recipes` says what
    each arm is: by name its architecture, options, recipe and description.
    """

    folder: Path
    configuration: dict = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    recipes: dict[str, dict] = field(default_factory=dict)

    @property
    def paths(self) -> Results:
        """Where its files lie."""
        return Results(self.folder)

    @property
    def arms(self) -> list[str]:
        """Names of the arms: in the config's order, else those that have a model, sorted."""
        return list(self.configuration.get("arms") or self.paths.model_names())

    @property
    def brains(self) -> dict[str, str]:
        """Role of each brain: those given, else of all that preflight has looked at, sorted."""
        if self.roles:
            return self.roles
        paths = self.paths
        names = [name for name in paths.brain_names() if paths.brain(name).preflight.is_file()]
        evaluated = self.evaluation("detection")
        known = dict(zip(evaluated["brain"], evaluated["role"], strict=True))
        return {name: known.get(name, "predict") for name in names}

    @property
    def baselines(self) -> list[str]:
        """Arms of the tables that were not trained: the brightness threshold to be beaten."""
        found = self.evaluation("classification")["arm"].unique()
        return [arm for arm in found if arm not in self.arms]

    @property
    def is_draft(self) -> bool:
        """Whether the run is a quick look."""
        return is_draft(self.configuration)

    @cached_property
    def learnt_from(self) -> set[str]:
        """The train brains that all networks have learnt from, as those of a draft may."""
        if not self.is_draft or not self.paths.folds.is_file():
            return set()
        return learnt_from(self.table(self.paths.folds), range(self.networks))

    @property
    def networks(self) -> int:
        """How many networks an arm that is trained has."""
        return networks_of(self.configuration, MOST_FOLDS)

    def refusal(self, brain: str) -> str | None:
        """Why a brain's volumes cannot be worked on, as preflight said; None where they can."""
        return _noted(self.paths.brain(brain).checked).get("refused")

    def found(self, brain: str) -> dict:
        """What preflight found in a brain's volumes and, where it is annotated, its annotation."""
        # An older note on the annotation may be left of volumes that were replaced since.
        files = self.paths.brain(brain)
        return _noted(files.preflight) | _noted(files.checked)

    def doubts(self, brain: str) -> list[str]:
        """What preflight, and the labels of candidates, found that may be wrong with a brain."""
        files = self.paths.brain(brain)
        notes = map(_noted, (files.checked, files.preflight, files.labels_summary))
        said = [sentence for note in notes for sentence in note.get("warnings", [])]
        return list(dict.fromkeys([*said, *self.detection_warnings(brain)]))

    def misplaced(self, brain: str) -> list[str]:
        """What makes it likely that a brain's annotation lies elsewhere than its candidates."""
        return _noted(self.paths.brain(brain).labels_summary).get("warnings", [])

    def detection_warnings(self, brain: str) -> list[str]:
        """What makes a brain's recall of detection low, or doubtful."""
        return _noted(self.paths.brain(brain).labels_summary).get("detection_warnings", [])

    def labels_summary(self, brain: str) -> dict:
        """What is known of a brain's labels as a whole; empty where it is not annotated."""
        return _noted(self.paths.brain(brain).labels_summary)

    def alarm(self, brain: str) -> dict:
        """The comparison of a brain with the train brains; empty where there is none."""
        return _noted(self.paths.brain(brain).alarm)

    def count(self, brain: str) -> dict:
        """How many cells a brain has by each arm; empty where nobody has counted them."""
        return _noted(self.paths.brain(brain).count)

    def normalisation(self, arm: str) -> str | None:
        """How cuboids are normalised for an arm, as far as the run was told."""
        shared = self.configuration.get("training", {})
        own = self.recipes.get(arm, {}).get("recipe", {})
        return own.get("normalisation", shared.get("normalisation"))

    @property
    def searches_detection(self) -> bool:
        """Whether the run searches for its detector; of an earlier run its choice may be left."""
        return self.configuration.get("detection", {}).get("method") == AUTO

    @property
    def searched_detection(self) -> dict | None:
        """The method and the parameters that a search has chosen; None where there was none."""
        return self.detection_choice.get("detection")

    @property
    def detection_choice(self) -> dict:
        """All that the search has chosen: detection, matching and cuboid; empty without one."""
        return _noted(self.paths.detection_choice) if self.searches_detection else {}

    @property
    def has_detection_page(self) -> bool:
        """Whether there is a page on the detection of this run.

        A run that searches for its detector makes one, maybe later than the page that asks. Of
        another that was made before, for a trial, the detection must be the same still.
        """
        if self.searches_detection:
            return True
        if not Path(self.paths.detection_page).is_file():
            return False
        tried = _noted(self.paths.detection_summary).get("brains", [])
        evaluated = self.evaluation("detection")
        counts = evaluated.set_index(["brain", "metric"])["value"].to_dict()
        return bool(tried) and all(
            counts.get((brain["brain"], name)) == brain[name]
            for brain in tried
            for name in ("annotated", "candidates")
        )

    def agreement(self) -> pd.DataFrame:
        """How far annotators agree, by brain; without rows where no brain has several."""
        return self.evaluation("agreement")

    def evaluation(self, name: str) -> pd.DataFrame:
        """A table of results/evaluation, by its name without .csv."""
        return self.table(self.paths.evaluation(name))

    def table(self, path: Path) -> pd.DataFrame:
        """A CSV of the results folder. Raises InputError where it is missing or broken."""
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
        path = self.paths.model(arm).description
        if not path.is_file():
            raise InputError(f"{path}: there is no such model; train the arm {arm!r} first")
        return read_json(path)

    @property
    def finished(self) -> dict[str, dict]:
        """Where the finished models among the arms are from, by arm: `finished` in model.json."""
        models = {arm: _noted(self.paths.model(arm).description) for arm in self.arms}
        return {arm: found["finished"] for arm, found in models.items() if "finished" in found}

    @property
    def all_finished(self) -> bool:
        """Whether no arm was trained, as all are finished models."""
        return bool(self.arms) and set(self.arms) == set(self.finished)

    def cost(self) -> pd.DataFrame:
        """What each arm costs, one row for each; arms that were not measured have no row."""
        rows = []
        for arm in self.arms:
            path = self.paths.cost(arm)
            if path.is_file():
                rows.append({"arm": arm} | read_json(path))
        return pd.DataFrame(rows, columns=None if rows else ["arm"])

    def scored(self, brain: str) -> dict[str, pd.DataFrame]:
        """For each arm that classified a brain: its table z, y, x, p_cell, is_cell."""
        found = {}
        for arm in self.arms:
            path = self.paths.brain(brain).cells(arm)
            if path.is_file():
                cells = self.table(path)
                found[arm] = cells.assign(is_cell=cells["is_cell"].astype(bool))
        return found


def _noted(path: Path) -> dict:
    return read_json(path) if path.is_file() else {}
