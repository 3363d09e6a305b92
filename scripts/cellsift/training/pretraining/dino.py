"""Self-distillation without labels: a student says of one view what its teacher says of another.

Caron et al., "Emerging properties in self-supervised vision transformers" (ICCV 2021, arXiv
2104.14294, section 3.1 and algorithm 1). The teacher is a slow mean of the student; centring and
sharpening of its answers keep both from saying the same of everything.

Views are the variations by which cellsift trains. The paper's local crops are enlarged to the
cuboid's size here, since most networks take cuboids of one shape. Left out are the freezing of
the last layer in the first epoch and the rise of the weight decay.
"""

import copy
import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cellsift.io.axes import Shape
from cellsift.models.backbone import features
from cellsift.models.contract import Network

HIDDEN = 256
BOTTLENECK = 64
STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = 0.04
CENTRE_MOMENTUM = 0.9
# Sides of a local crop as shares of the cuboid's.
LOCAL = (0.5, 0.8)
INITIAL_SPREAD = 0.02

View = Callable[[], torch.Tensor]


class Dino(nn.Module):
    """A student, which learns by steps, and its teacher, the slow mean of the student's weights.

    Args:
        network: any with a backbone (`models.backbone`); it learns in place, its head not at all.
        in_channels: of the cuboids.
        cuboid_shape: voxels along z, y, x.
        local_views: crops of every cuboid that the student alone sees, beside two whole views.
        prototypes: answers among which student and teacher spread a view (the paper's K).
        teacher_momentum: share of the teacher that a step leaves at first; it rises to 1.
    """

    FIGURES = ("spread", "information")
    centre: torch.Tensor

    def __init__(
        self,
        network: Network,
        in_channels: int,
        cuboid_shape: Shape,
        *,
        local_views: int = 2,
        prototypes: int = 1024,
        teacher_momentum: float = 0.996,
    ):
        super().__init__()
        self.student = network
        self.student_projection = Projection(
            feature_count(network, in_channels, cuboid_shape), prototypes
        )
        self.teacher = copy.deepcopy(network).requires_grad_(False)
        self.teacher_projection = copy.deepcopy(self.student_projection).requires_grad_(False)
        self.local_views, self.teacher_momentum = local_views, teacher_momentum
        self.register_buffer("centre", torch.zeros(prototypes))
        self._mean_answer = self.centre
        self._figures: list[torch.Tensor] = []

    @property
    def network(self) -> Network:
        """The teacher, which is the better of the two (the paper's figure 6)."""
        return self.teacher

    def train(self, mode: bool = True) -> "Dino":
        """Switch to training, in which the teacher drops nothing but normalises by its batch."""
        super().train(mode)
        self.teacher.eval()
        for module in self.teacher.modules():
            if isinstance(module, _BatchNorm):
                module.train(mode)
        return self

    def loss(self, view: View, generator: torch.Generator) -> torch.Tensor:
        """Return the cross entropy between the answers of teacher and student to different views.

        Args:
            view: gives the cuboids (n, channel, z, y, x), newly varied with every call.
            generator: draws the local crops; on the cuboids' device.
        """
        whole = torch.cat([view(), view()])
        targets = self._targets(whole)
        answers = [*self._answers(whole, 2)]
        if self.local_views:
            crops = [local_crop(view(), generator) for _ in range(self.local_views)]
            answers += self._answers(torch.cat(crops), self.local_views)
        pairs = [
            -(target * torch.log_softmax(answer / STUDENT_TEMPERATURE, dim=1)).sum(dim=1).mean()
            for i, target in enumerate(targets)
            for j, answer in enumerate(answers)
            if i != j
        ]
        return torch.stack(pairs).mean()

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Let teacher and centre follow; `progress` goes from 0 to 1 over the pre-training."""
        share = self.momentum(progress)
        for slow, fast in self.pairs():
            slow.lerp_(fast, 1 - share)
        self.centre.lerp_(self._mean_answer, 1 - CENTRE_MOMENTUM)

    def momentum(self, progress: float) -> float:
        """Return the share of the teacher that stays: along a cosine to 1."""
        return 1 - (1 - self.teacher_momentum) * (1 + math.cos(math.pi * progress)) / 2

    def pairs(self) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
        """Yield the parameters of the teacher, each with the student's."""
        yield from zip(self.teacher.parameters(), self.student.parameters(), strict=True)
        yield from zip(
            self.teacher_projection.parameters(), self.student_projection.parameters(), strict=True
        )

    def figures(self) -> dict[str, float]:
        """Return the means since the last call.

        `spread` of the teacher's features over a batch, see `spread`; `information`, how much the
        teacher's answers tell of the cuboid, see `information`. Near 0 they mean collapse.
        """
        means = torch.stack(self._figures).mean(dim=0).tolist()
        self._figures.clear()
        return dict(zip(self.FIGURES, means, strict=True))

    @torch.no_grad()
    def _targets(self, whole: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = features(self.teacher, whole)
        answers = self.teacher_projection(found)
        self._mean_answer = answers.mean(dim=0)
        targets = torch.softmax((answers - self.centre) / TEACHER_TEMPERATURE, dim=1)
        self._figures.append(torch.stack([spread(found), information(targets)]))
        return targets.chunk(2)

    def _answers(self, views: torch.Tensor, count: int) -> tuple[torch.Tensor, ...]:
        return self.student_projection(features(self.student, views)).chunk(count)


class Projection(nn.Module):
    """Features (n, feature) to their cosines (n, prototype) with prototypes, both of length 1."""

    def __init__(self, features: int, prototypes: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, BOTTLENECK),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=INITIAL_SPREAD)
                nn.init.zeros_(layer.bias)
        self.prototypes = nn.Parameter(torch.randn(prototypes, BOTTLENECK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # The temperatures blow up the rounding of half precision.
        with torch.autocast(x.device.type, enabled=False):
            directions = F.normalize(self.layers(x.float()), dim=1)
            return F.linear(directions, F.normalize(self.prototypes, dim=1))


def local_crop(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a random part of every cuboid (n, channel, z, y, x), enlarged to the cuboid's size."""
    low, high = LOCAL
    drawn = torch.rand(len(batch), 4, generator=generator, device=generator.device)
    side = low + (high - low) * drawn[:, 0]
    matrix = torch.zeros(len(batch), 3, 4, device=batch.device)
    matrix[:, range(3), range(3)] = side[:, None]
    matrix[:, :, 3] = (1 - side[:, None]) * (2 * drawn[:, 1:] - 1)
    grid = F.affine_grid(matrix, list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, padding_mode="border", align_corners=False)


def spread(found: torch.Tensor) -> torch.Tensor:
    """Return how far features (n, feature) point apart: 0 for all the same way, 1 for any way."""
    directions = F.normalize(found.float(), dim=1)
    return directions.var(dim=0, correction=0).sum().sqrt()


def information(answers: torch.Tensor) -> torch.Tensor:
    """Return the entropy (nats) of the mean of answers (n, prototype) less the mean of theirs.

    0 where all answers are the same, sharp or flat; at most the logarithm of n.
    """
    entropy = torch.special.entr
    return entropy(answers.mean(dim=0)).sum() - entropy(answers).sum(dim=1).mean()


@torch.no_grad()
def feature_count(network: Network, in_channels: int, cuboid_shape: Shape) -> int:
    """Return how many features the network's backbone gives."""
    training = network.training
    network.eval()
    try:
        return features(network, torch.zeros(1, in_channels, *cuboid_shape)).shape[1]
    finally:
        network.train(training)
