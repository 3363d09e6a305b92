"""First weights of convolutional networks, as their authors draw them."""

from torch import nn


def initialise_by_fan_out(module: nn.Module) -> None:
    """Draw weights as MobileNetV3's authors do; a depthwise kernel's outputs are its own only."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        outputs = module.weight[:, 0].numel() / module.groups
        nn.init.normal_(module.weight, std=(2 / outputs) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


def initialise_by_fan_in(module: nn.Module) -> None:
    """Draw weights as Keras does for cellfinder: he_normal, glorot_uniform for the last layer."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        fan_in = module.weight[0].numel()
        # 0.8796 is the deviation of a normal cut at two deviations; Keras divides by it.
        deviation = (2 / fan_in) ** 0.5 / 0.87962566103423978
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
