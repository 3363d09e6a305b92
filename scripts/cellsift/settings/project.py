"""All that a run was told: its config, its brains and its arms."""

from dataclasses import dataclass, field

from cellsift.settings.arms import Arm
from cellsift.settings.brains import Brain
from cellsift.settings.config import Config
from cellsift.settings.finished import FinishedModel
from cellsift.settings.pretraining import Pretraining

CONFIG, DEFAULTS = "config", "defaults"


@dataclass(frozen=True)
class Project:
    """All that a run was told: the config, the brains and the arms, by name.

    `pretrainings` are those that arms start from, by name; `models` are the finished models of
    arms that are not trained, by the arm's name. `detection_from` says who names the detector:
    CONFIG, DEFAULTS, or the path of a finished model that learnt with it.
    """

    config: Config
    brains: dict[str, Brain]
    arms: dict[str, Arm]
    pretrainings: dict[str, Pretraining] = field(default_factory=dict)
    models: dict[str, FinishedModel] = field(default_factory=dict)
    detection_from: str = CONFIG

    @property
    def trained(self) -> list[str]:
        """Names of the arms that are trained: neither finished models nor made of others."""
        return [name for name, arm in self.arms.items() if arm.recipe is not None]

    def folds_of(self, arm: str) -> range:
        """The numbers of an arm's networks: of the config's folds, or of a finished model's."""
        if arm in self.models:
            return range(len(self.models[arm].folds))
        return range(self.config.networks)

    def brains_of(self, *roles: str, annotated: bool | None = None) -> list[str]:
        """Names of the brains of these roles, and only annotated (or unannotated) ones if said."""
        return [
            name
            for name, brain in self.brains.items()
            if brain.role in roles and annotated in (None, brain.annotated)
        ]

    def corrected(self) -> list[str]:
        """Names of the brains that what people labelled in them is to correct."""
        wanted = self.config.counts.corrected
        return [
            name for name, brain in self.brains.items() if name in wanted or brain.role in wanted
        ]

    def corrected_with(self, name: str) -> list[str]:
        """What `counts: corrected` has to be for answers on a brain to count; empty where they do.

        Example:
            project.corrected_with("mouse_3")  # ["predict", "mouse_3"]
        """
        return [] if name in self.corrected() else [*self.config.counts.corrected, name]
