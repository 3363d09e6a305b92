#!/usr/bin/env bash
# ome-zarr 0.18.0, seen 2026-11-30.
# write_image takes axes with their units and drops the units, without a word. It takes coordinate_transformations too,
# warns that the argument is deprecated and "will be removed in a future version", and already ignores it: the file
# says 1 x 1 x 1 without a unit in place of 5 x 1 x 1 µm. Only the newer scale= and axes_units= are written. One would
# expect the size and the unit, or an error.
# Touches in cellsift: scripts/cellsift/preflight compares the size in a file with the brains table; such files say 1.
# Output seen:
#   ome-zarr 0.18.0
#   units [None, None, None] scale [1.0, 1.0, 1.0]
#   The 'coordinate_transformations' argument is deprecated and will be removed in a future version. Please use the `scale` argument to specify the physical pixel size for each dimension instead. 
#   with scale= and axes_units=: units ['micrometer', 'micrometer', 'micrometer'] scale [5.0, 1.0, 1.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 \
  dask==2026.8.0 zarr==3.1.6 scikit-image==0.26.0 fsspec==2026.9.0 ome-zarr==0.18.0
cd "$folder"
cat > look.py <<'END'
import sys
import warnings
from importlib.metadata import version
import numpy as np
import zarr
from ome_zarr.writer import write_image

axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
image = np.ones((8, 32, 32), np.uint16)


def written(path, **size):
    """What the file says of its axes and scale, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_image(image, path, scale_factors=[], axes=axes, **size)
    (image_group,) = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"]
    (scale,) = [one["scale"] for one in image_group["datasets"][0]["coordinateTransformations"] if "scale" in one]
    return image_group["axes"], scale, [str(one.message) for one in caught if "transformations" in str(one.message)]


print("ome-zarr", version("ome-zarr"))
given, scale, warned = written("a.zarr", coordinate_transformations=[[{"type": "scale", "scale": [5.0, 1.0, 1.0]}]])
print("units", [axis.get("unit") for axis in given], "scale", scale)
print(*warned)
newer, newer_scale, _ = written("b.zarr", scale={"z": 5.0, "y": 1.0, "x": 1.0}, axes_units=dict.fromkeys("zyx", "micrometer"))
print("with scale= and axes_units=: units", [axis.get("unit") for axis in newer], "scale", newer_scale)
if any("unit" in axis for axis in given) or scale != [1.0, 1.0, 1.0] or newer_scale != [5.0, 1.0, 1.0]:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
