"""Layers of points, as napari itself saves them."""

import numpy as np
import pytest

from cellsift.errors import InputError
from cellsift.io.cells import read_candidates, read_points

ZYX = np.array([[1.0, 2.5, 3.0], [4.0, 5.0, 6.25]])


@pytest.fixture
def saved(tmp_path):
    """A function that lets napari save a layer of points."""
    pytest.importorskip("napari_builtins", reason="napari is not installed")
    from napari_builtins.io import napari_write_points

    def save(points, **properties) -> str:
        meta = {"properties": properties, "scale": (5.0, 2.0, 2.0)}
        return napari_write_points(str(tmp_path / "points.csv"), points, meta)

    return save


@pytest.mark.parametrize("properties", [{}, {"confidence": np.array([0.1, 0.9])}])
def test_points_of_napari_are_annotation_and_candidates_alike(saved, properties):
    """In voxels, whatever the scale of the layer is."""
    path = saved(ZYX, **properties)
    assert (read_points(path, "cell").to_numpy() == ZYX).all()
    assert (read_candidates(path).points.to_numpy() == ZYX).all()


def test_a_layer_without_points_is_an_empty_table(saved):
    assert len(read_points(saved(np.empty((0, 3))))) == 0


@pytest.mark.parametrize(
    ("axes", "said"), [(2, "two axes, so that it is not known in which plane"), (4, "more than")]
)
def test_points_that_are_not_in_a_volume_are_refused(saved, axes, said):
    path = saved(np.ones((3, axes)))
    for read in (read_points, read_candidates):
        with pytest.raises(InputError, match=said):
            read(path)
