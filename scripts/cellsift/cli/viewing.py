"""`cellsift view`: a brain's results in a window of napari."""

from pathlib import Path
from typing import Annotated

import typer


def view(
    results: Annotated[Path, typer.Argument(help="Folder of results of a run.")],
    brain: Annotated[str, typer.Argument(help="A brain of it.")],
    arm: Annotated[
        list[str] | None, typer.Option(help="Show the cells of this arm; repeatable. Else all.")
    ] = None,
    saliency: Annotated[bool, typer.Option(help="Show where the arms looked.")] = True,
) -> None:
    """Open a brain in napari: volume, candidates, cells and saliency."""
    from cellsift.interop.napari_layers import brain_layers
    from cellsift.interop.napari_window import open_window
    from cellsift.results import Results

    layers = brain_layers(Results(results).brain(brain), arm or None, saliency)
    open_window(layers, f"{brain}, {results}")
    import napari

    napari.run()
