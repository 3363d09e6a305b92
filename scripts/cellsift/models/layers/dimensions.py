"""Layers of torch by the number of axes of the map that they work on."""

from torch import nn

CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
NORMALISATIONS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOLING = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
MEAN_POOLING = {2: nn.AvgPool2d, 3: nn.AvgPool3d}
