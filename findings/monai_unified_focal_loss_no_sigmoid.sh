#!/usr/bin/env bash
# monai 1.6.1, seen 2026-11-30.
# AsymmetricUnifiedFocalLoss is documented to take logits and to pass them through a sigmoid. It does not: it clamps
# them to (0, 1) as if they were probabilities. Every logit outside that range gets a gradient of exactly 0, so that a
# network whose logits start below 0 never learns, without an error. One would expect the loss of the sigmoid.
# Touches in cellsift: not yet used; segmentation, where this loss is meant for rare foreground such as cells.
# Needs the package torch, which is large.
# Output seen:
#   monai 1.6.1 documents a sigmoid: True largest gradient by logit: {-3.0: 0.0, 0.5: 0.0453, 3.0: 0.0}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check torch==2.13.0 \
  numpy==2.4.6
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  monai==1.6.1
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
import torch
from monai.losses import AsymmetricUnifiedFocalLoss

said = "transformed by" in AsymmetricUnifiedFocalLoss.forward.__doc__
truth = torch.zeros(1, 1, 4, 4)
truth[..., :2] = 1
gradients = {}
for logit in (-3.0, 0.5, 3.0):
    logits = torch.full((1, 1, 4, 4), logit, requires_grad=True)
    AsymmetricUnifiedFocalLoss()(logits, truth).backward()
    gradients[logit] = round(float(logits.grad.abs().max()), 4)
print("monai", version("monai"), "documents a sigmoid:", said, "largest gradient by logit:", gradients)
if not said or gradients[-3.0] != 0 or gradients[3.0] != 0 or gradients[0.5] == 0:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
