#!/usr/bin/env bash
# captum 0.9.0, seen 2026-11-30.
# GuidedBackprop guides only activations that are nn.ReLU modules. A network with torch.nn.functional.relu, or with
# SiLU or GELU modules as in EfficientNet and ConvNeXt, gets its plain gradient back under the name of guided
# backpropagation; the one warning, of hooks on ReLU activations, is the same as when it works. One would expect a
# refusal, or a warning that nothing was guided.
# Touches in cellsift: scripts/cellsift/explain, if guided maps are ever added.
# Needs the package torch, which is large.
# Output seen:
#   captum 0.9.0 guided equals plain gradient: {'nn.ReLU': False, 'functional.relu': True, 'nn.SiLU': True}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check torch==2.13.0 \
  numpy==2.4.6 matplotlib==3.11.2 tqdm==4.70.1 packaging==25.0
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  captum==0.9.0
cd "$folder"
cat > look.py <<'END'
import sys
import warnings
from importlib.metadata import version
import torch
from captum.attr import GuidedBackprop
from torch import nn

warnings.simplefilter("ignore")


class Network(nn.Module):
    """One convolution, an activation and a linear layer; input of shape (1, 1, 6, 6, 6)."""

    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.linear, self.activation = nn.Conv3d(1, 4, 3), nn.Linear(4, 2), activation

    def forward(self, cuboid):
        return self.linear(self.activation(self.convolution(cuboid)).mean((2, 3, 4)))


plain_too = {}
for name, activation in {"nn.ReLU": nn.ReLU(), "functional.relu": torch.relu, "nn.SiLU": nn.SiLU()}.items():
    network = Network(activation)
    torch.manual_seed(1)
    cuboid = torch.randn(1, 1, 6, 6, 6, requires_grad=True)
    (plain,) = torch.autograd.grad(network(cuboid)[0, 1], cuboid)
    plain_too[name] = torch.equal(GuidedBackprop(network).attribute(cuboid, target=1), plain)
print("captum", version("captum"), "guided equals plain gradient:", plain_too)
if plain_too != {"nn.ReLU": False, "functional.relu": True, "nn.SiLU": True}:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
