"""Networks that tell cells from artefacts, and how they are created, stored and loaded.

Every network takes float32 cuboids (n, channel, z, y, x) and gives logits (n, 2): no cell, cell;
what else is asked of it says `contract`. A family of architectures is one module in `classifiers`
whose builders carry the decorator `@architecture("name")`; nothing else has to change for it to be
listed and created.
Importing this package, and listing what it holds, does not import torch.
"""

from cellsift.models.registry import (
    architecture,
    architecture_file,
    architecture_module,
    check_options,
    complete_options,
    create_model,
    list_models,
    model_options,
)

__all__ = [
    "architecture",
    "architecture_file",
    "architecture_module",
    "check_options",
    "complete_options",
    "create_model",
    "list_models",
    "model_options",
]
