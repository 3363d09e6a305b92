"""How intensities become numbers that a network can take."""

from dataclasses import asdict, dataclass

import numpy as np
import torch

from cellsift.errors import InputError

# Transform and statistics by the name that a recipe gives them.
KINDS = {
    "brain": ("log", "brain"),
    "dataset": ("log", "dataset"),
    "local": ("log", "cuboid"),
    "linear": ("linear", "none"),
}
# Log contrast that becomes 1 with statistics "cuboid": a factor of 1.06 on the intensity.
LOCAL_SPREAD = 0.06


@dataclass(frozen=True)
class Normalisation:
    """Intensities to network input, the same in training and use.

    - transform "log", statistics "brain": (log1p(x) - median) / spread with the brain's own
      median and spread, so that a brighter or dimmer brain looks alike;
    - transform "log", statistics "dataset": the same with the training set's, kept here;
    - transform "log", statistics "cuboid": (log1p(x) - the cuboid's median) / 0.06 in each channel,
      the contrast to the tissue around, whatever the brightness of brain and place;
    - transform "linear", statistics "none": raw intensities, as cellfinder does it.

    Attributes:
        median, spread: per channel, of log1p intensities; only with statistics "dataset".
    """

    transform: str = "log"
    statistics: str = "brain"
    median: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "median", tuple(map(float, self.median)))
        object.__setattr__(self, "spread", tuple(map(float, self.spread)))
        if (self.transform, self.statistics) not in KINDS.values():
            raise InputError(
                f"normalisation with transform {self.transform!r} and statistics "
                f"{self.statistics!r} is not known; choose one of: "
                + "; ".join(f"{t} with {s}" for t, s in sorted(KINDS.values()))
            )
        if self.statistics == "dataset":
            _check_statistics(self.median, self.spread)

    @classmethod
    def named(
        cls, name: str, median: tuple[float, ...] = (), spread: tuple[float, ...] = ()
    ) -> "Normalisation":
        """Return the normalisation a recipe names: "brain", "dataset", "local" or "linear".

        `median` and `spread` (per channel, of log1p intensities) are the training set's and only
        kept for "dataset".
        """
        if name not in KINDS:
            raise InputError(
                f"normalisation {name!r} is not known; choose one of {', '.join(KINDS)}"
            )
        kept = (tuple(median), tuple(spread)) if name == "dataset" else ()
        return cls(*KINDS[name], *kept)

    @property
    def name(self) -> str:
        """What a recipe calls it."""
        return next(
            name for name, kind in KINDS.items() if kind == (self.transform, self.statistics)
        )

    def apply(
        self, cuboids: np.ndarray | torch.Tensor, log_median=None, log_spread=None
    ) -> torch.Tensor:
        """Return float32 (n, channel, z, y, x) for a network, on the device of the cuboids.

        Args:
            cuboids: raw intensities (n, channel, z, y, x), any numeric type.
            log_median, log_spread: the brain's, per channel (`CuboidStore.log_median`); needed
                with statistics "brain", not used otherwise.
        """
        x = torch.as_tensor(cuboids).to(torch.float32)
        if self.transform == "linear":
            return x
        if self.statistics == "cuboid":
            logs = torch.log1p(x)
            middle = logs.flatten(2).median(dim=2).values
            return (logs - middle[..., None, None, None]) / LOCAL_SPREAD
        of_brain = self.statistics == "brain"
        median, spread = (log_median, log_spread) if of_brain else (self.median, self.spread)
        _check_statistics(median, spread, channels=x.shape[1])
        return (torch.log1p(x) - _per_channel(median, x)) / _per_channel(spread, x)

    def to_dict(self) -> dict:
        """Return a JSON-ready form that `from_dict` takes."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: dict) -> "Normalisation":
        """Return the normalisation written by `to_dict`; InputError for anything else."""
        known = set(cls.__dataclass_fields__)
        if not isinstance(content, dict) or set(content) != known:
            raise InputError(
                f"normalisation is {content!r}; "
                f"it needs exactly the keys {', '.join(sorted(known))}"
            )
        try:
            return cls(**content)
        except (TypeError, ValueError) as error:
            raise InputError(f"normalisation {content!r} cannot be read: {error}") from error


def _per_channel(values, x: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values, np.float32), device=x.device).view(1, -1, 1, 1, 1)


def _check_statistics(median, spread, channels: int | None = None) -> None:
    if median is None or spread is None:
        raise InputError("this normalisation needs the brain's log_median and log_spread")
    median, spread = np.asarray(median, float), np.asarray(spread, float)
    expected = (median.size if channels is None else channels,)
    if median.shape != expected or spread.shape != expected or median.size == 0:
        raise InputError(
            f"normalisation has {median.size} medians and {spread.size} spreads; "
            f"give one of each per channel ({channels or 'at least 1'})"
        )
    if not (np.isfinite(median).all() and np.isfinite(spread).all() and (spread > 0).all()):
        raise InputError(
            f"normalisation has median {median.tolist()} and spread {spread.tolist()}; "
            "medians have to be finite and spreads above 0"
        )
