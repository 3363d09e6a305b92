"""The smallest network of each family, for tests that train them."""

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
