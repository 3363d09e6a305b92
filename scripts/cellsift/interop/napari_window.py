"""A window of napari with layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellsift.errors import InputError
from cellsift.interop.napari_layers import Layer

if TYPE_CHECKING:
    from napari import Viewer

# Of what lies in it points are shown; volumes show the plane in its middle.
THICKNESS_UM = 15.0
MISSING = (
    "napari cannot be opened here ({}); install it with a window to draw in, in this environment: "
    "pip install 'cellsift[napari]'"
)


def open_window(layers: Sequence[Layer], title: str) -> Viewer:
    """A window with these layers, the first of them undermost.

    `napari.run()` shows it until it is closed. Raises InputError where napari, or what it draws
    with, is not installed.

    Example:
        open_window(brain_layers(Results("results/mine").brain("mouse_1")), "mouse_1")
    """
    try:
        import napari
        from napari.layers import Layer as NapariLayer

        # Without a binding of Qt napari imports, and makes a viewer that has no window.
        from qtpy import QtWidgets  # noqa: F401
    except ImportError as problem:
        reason = str(problem).strip().split("\n")[0]
        raise InputError(MISSING.format(reason)) from problem
    viewer = napari.Viewer(title=title)
    for layer in layers:
        viewer.add_layer(NapariLayer.create(*layer))
    # Marks a plane or two above and below are shown as well, as a cell is as deep.
    viewer.dims.thickness = (THICKNESS_UM,) * viewer.dims.ndim
    return viewer
