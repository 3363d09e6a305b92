"""The smallest network of each family, for tests that train them."""

import torch
from synthetic_cuboids import SHAPE

from cellsift.models import create_model

SMALLEST = {
    "convnext3d": {"size": "atto", "width": 0.25},
    "deit3d": {"width": 48, "depth": 3},
    "densenet3d": {"depth": "tiny"},
    "efficientnet3d": {"width": 0.15},
    "efficientnet3d_attention": {"width": 0.15},
    "features": {"trees": 20},
    "mobilenet3d": {"size": "small", "width": 0.5},
    "pipnet3d": {"depth": 10, "width": 8, "prototypes": 16},
    "resnet": {"depth": 18, "width": 8},
    "resnet_cellfinder": {"depth": 18, "width": 8},
    "slice_mil": {"depth": 10, "width": 8},
    "swin3d": {"width": 12, "patch_size": [2, 3, 3], "window": [3, 3, 3]},
    "vit3d": {"width": 48, "depth": 3},
    "wavemix3d": {"width": 16, "depth": 2},
}
# Of those that learn by steps.
WITHOUT_WEIGHTS = {"features", "ensemble"}
OPTIONS = {name: options for name, options in SMALLEST.items() if name not in WITHOUT_WEIGHTS} | {
    "deit3d": {"width": 24, "depth": 2}
}


def network(name: str, flat: bool = False, seed: int = 0, channels: int = 2):
    """Return a small network with weights as if it were trained."""
    options = OPTIONS[name] | ({"planes_as_channels": True} if flat else {})
    torch.manual_seed(seed)
    model = create_model(name, channels, SHAPE, **options)
    # New networks have zeros and ones where trained ones have not.
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.01 * torch.randn(tensor.shape))
    return model
