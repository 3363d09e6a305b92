"""Trained folds, or a whole arm, as ONNX files that take intensities as they are."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from cellsift.cuboids.normalisation import LOCAL_SPREAD, Normalisation
from cellsift.inference.scoring import Scorer, mirror_images
from cellsift.inference.trained_arm import TrainedArm, TrainedEnsemble
from cellsift.interop.onnx_export import INPUT, write_onnx

MEDIAN, SPREAD = "log_median", "log_spread"
LOGIT, P_CELL = "logit", "p_cell"


class RawScorer(nn.Module):
    """The logit (n,) of cell against no cell, as `scoring.score` gives it, of raw cuboids.

    Takes cuboids float32 (n, channel, z, y, x) with the intensities of the volume, and the brain's
    log_median and log_spread (n, channel), which count with statistics "brain" alone.
    """

    def __init__(self, scorer: Scorer):
        super().__init__()
        self.model = scorer.model
        self._normalisation = scorer.normalisation
        self._mirrored = scorer.test_time_augmentation
        self._offset = scorer.logit_offset

    def forward(
        self,
        cuboids: torch.Tensor,
        log_median: torch.Tensor | None = None,
        log_spread: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return logits (n,)."""
        inputs = normalised(self._normalisation, cuboids, log_median, log_spread)
        logits = [self.model(seen) for seen in mirror_images(inputs, self._mirrored)]
        differences = torch.stack([of_view[:, 1] - of_view[:, 0] for of_view in logits])
        return differences.mean(dim=0) + self._offset


class RawArm(nn.Module):
    """p_cell (n,) by a whole arm, folds or an ensemble of arms; inputs as of a `RawScorer`."""

    def __init__(self, arm: TrainedArm):
        super().__init__()
        self.scorers = nn.ModuleList([RawScorer(scorer) for scorer in arm.scorers])
        self._weights, self._intercept = linear_form(arm)
        self._temperature = arm.temperature

    def forward(
        self,
        cuboids: torch.Tensor,
        log_median: torch.Tensor | None = None,
        log_spread: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return probabilities (n,)."""
        logits = [scorer(cuboids, log_median, log_spread) for scorer in self.scorers]
        weighted = [weight * logit for weight, logit in zip(self._weights, logits, strict=True)]
        total = torch.stack(weighted).sum(dim=0) + self._intercept
        return torch.sigmoid(total / self._temperature)


def normalised(
    normalisation: Normalisation,
    cuboids: torch.Tensor,
    log_median: torch.Tensor | None,
    log_spread: torch.Tensor | None,
) -> torch.Tensor:
    """`Normalisation.apply`, of operations that ONNX has; statistics (n, channel)."""
    if normalisation.transform == "linear":
        return cuboids
    logs = torch.log(cuboids + 1)
    if normalisation.statistics == "cuboid":
        # torch's median is the lower of the two in the middle.
        ordered = logs.flatten(2).sort(dim=2).values
        middle = ordered[:, :, (ordered.shape[2] - 1) // 2]
        return (logs - middle[..., None, None, None]) / LOCAL_SPREAD
    if normalisation.statistics == "dataset":
        log_median = torch.tensor([normalisation.median])
        log_spread = torch.tensor([normalisation.spread])
    assert log_median is not None
    assert log_spread is not None
    return (logs - log_median[..., None, None, None]) / log_spread[..., None, None, None]


def linear_form(arm: TrainedArm) -> tuple[list[float], float]:
    """Weights of the scorers' logits, and an intercept, whose sum is what `arm.join` gives."""
    if not isinstance(arm, TrainedEnsemble):
        return [1 / len(arm.scorers)] * len(arm.scorers), 0.0
    combination = arm.combination
    weights = [
        combination.weights[name] / combination.temperatures[name] / len(member.scorers)
        for name, member in arm.members.items()
        for _ in member.scorers
    ]
    return weights, combination.intercept


def export_raw_scorer(scorer: Scorer, layout: Sequence[int], path: str | Path) -> None:
    """Write a fold as an ONNX file with its normalisation, mirror images and offset inside.

    Its inputs are those of a `RawScorer`, `log_median` and `log_spread` among them only where the
    network is fed by the statistics of a brain; its output is `logit`. The mean of it over the
    folds, divided by the temperature in model.json, is the arm's logit; its sigmoid is p_cell.

    Args:
        layout: channels, z, y, x of the cuboids.

    Raises InputError as `write_onnx`.
    """
    examples = raw_examples([scorer], layout)
    write_onnx(RawScorer(scorer).eval(), examples, LOGIT, _told(examples, LOGIT), path)


def export_raw_arm(arm: TrainedArm, path: str | Path) -> None:
    """Write a whole arm as one ONNX file: intensities in, `p_cell` out; as `export_raw_scorer`."""
    examples = raw_examples(arm.scorers, (arm.channels, *arm.shape))
    write_onnx(RawArm(arm).eval(), examples, P_CELL, _told(examples, P_CELL), path)


def raw_examples(scorers: Sequence[Scorer], layout: Sequence[int]) -> dict[str, torch.Tensor]:
    """The inputs that scorers need, by name, two of each.

    Example:
        >>> from cellsift.models import create_model
        >>> network = create_model("resnet", 1, (8, 9, 9), width=4)
        >>> scorer = Scorer(network, Normalisation.named("brain"))
        >>> [tuple(example.shape) for example in raw_examples([scorer], (1, 8, 9, 9)).values()]
        [(2, 1, 8, 9, 9), (2, 1), (2, 1)]
    """
    examples = {INPUT: torch.ones(2, *layout)}
    if any(scorer.normalisation.statistics == "brain" for scorer in scorers):
        examples |= {MEDIAN: torch.ones(2, layout[0]), SPREAD: torch.ones(2, layout[0])}
    return examples


def _told(examples: Mapping[str, torch.Tensor], output: str) -> dict[str, str]:
    inputs = {
        INPUT: "intensities of the volume, float32 (n, channel, z, y, x)",
        MEDIAN: "median of log(1 + intensity) over all cuboids of the brain, (n, channel)",
        SPREAD: "1.4826 times their median absolute deviation from it, (n, channel)",
    }
    outputs = {LOGIT: "of cell against no cell, (n,)", P_CELL: "probability of a cell, (n,)"}
    told = {name: inputs[name] for name in examples} | {output: outputs[output]}
    return {"cellsift": json.dumps(told)}
