"""Whatever a writer of TIFF does: preflight refuses with a reason, or voxels are what was written.

Options that belong together are drawn together; a combination that tifffile cannot write is left
out. CELLSIFT_FUZZ_EXAMPLES=5000 looks further.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from fuzzing import FUZZ
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cellsift.errors import InputError
from cellsift.preflight.brain import check_brain
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_channel

SWEEP = settings(FUZZ, max_examples=int(os.environ.get("CELLSIFT_FUZZ_EXAMPLES", 40)))
VOXEL_SIZE = (5.0, 2.0, 2.0)
SHAPE = (7, 37, 33)
LOSSLESS = ["zlib", "lzw", "zstd", "packbits", "lzma", "png"]
CODECS = ["jpeg", "jpeg2000", "jpegxl", "jpegxr", "lerc"]
RANGE = {"u1": None, "u2": None, "i2": (-32768, 32767), "f4": (0, 65535)}
SIZES = {"right": VOXEL_SIZE, "wrong": (3.0, 0.65, 0.65), "none": None}


def voxels_of(dtype: str) -> np.ndarray:
    """Bright spots on darker noise; every value is a whole number, so that a range keeps it."""
    noise = np.random.default_rng(5)
    values = noise.normal(40, 3, SHAPE)
    values[noise.random(SHAPE) < 0.01] = 200
    return np.rint(values).astype(dtype)


@st.composite
def encodings(draw) -> dict:
    """How pages are stored: uncompressed with or without tiles, or compressed."""
    options = {"byteorder": draw(st.sampled_from("<>")), "bigtiff": draw(st.booleans())}
    options |= draw(st.sampled_from([{}, {"tile": (16, 32)}, {"rowsperstrip": 5}]))
    codec = draw(st.sampled_from([None, *LOSSLESS, *CODECS]))
    if codec is None:
        return options
    options["compression"] = codec
    if codec in LOSSLESS[:3]:
        options["predictor"] = draw(st.booleans())
    if codec in CODECS:
        # With ">" tifffile 2026.3.3 hands them swapped bytes: the file holds other values.
        options["byteorder"] = "<"
        level = {"jpeg": 80, "jpeg2000": 40, "jpegxl": 80, "jpegxr": 50, "lerc": 4}[codec]
        some = [{}, {"level": level}, *([{"lossless": True}] if codec == "jpeg" else [])]
        options["compressionargs"] = draw(st.sampled_from(some))
    return options


@st.composite
def meanings(draw, dtype: str) -> dict:
    """What values mean: black or white is zero, or numbers of colours."""
    photometric = draw(st.sampled_from(["minisblack", "miniswhite", "palette", "rgb"]))
    if photometric != "palette":
        return {"photometric": photometric}
    entries = 256 if dtype == "u1" else 65536
    ramp = np.linspace(0, 65535, entries).astype(np.uint16)
    shuffled = np.random.default_rng(2).permutation(ramp)
    table = draw(st.sampled_from([ramp, ramp[::-1], shuffled]))
    return {"photometric": photometric, "colormap": np.array([table, 0 * ramp, table])}


def layout(kind: str, size: tuple | None) -> dict:
    """What describes the pages: nothing, tifffile's own, ImageJ's or OME's."""
    if kind == "nothing":
        return {"metadata": None}
    metadata = {"axes": "ZYX"}
    if kind == "imagej":
        stated = {} if size is None else {"unit": "um", "spacing": size[0]}
        options = {} if size is None else {"resolution": (1 / size[2], 1 / size[1])}
        return {"imagej": True, "metadata": metadata | stated} | options
    if kind == "ome":
        stated = {
            f"PhysicalSize{axis}": side for axis, side in zip("ZYX", size or (), strict=False)
        }
        return {"ome": True, "metadata": metadata | stated}
    return {"metadata": metadata, "truncate": kind == "one directory"}


def written(path: Path, voxels: np.ndarray, planes: bool, options: dict) -> bool:
    """Write a stack or a folder of planes; whether tifffile could."""
    try:
        if not planes:
            tifffile.imwrite(path, voxels, **options)
            return True
        path.mkdir()
        for z, plane in enumerate(voxels):
            tifffile.imwrite(path / f"plane_{z}.tif", plane, **options)
    # Whatever tifffile and its codecs have against the combination.
    except (ValueError, TypeError, RuntimeError, NotImplementedError, KeyError, LookupError):
        return False
    return True


@SWEEP
@given(st.data())
def test_voxels_are_what_was_written_or_the_file_is_refused(data):
    dtype = data.draw(st.sampled_from(list(RANGE)), label="dtype")
    kinds = ["nothing", "tifffile", "one directory", "imagej", "one directory of imagej", "ome"]
    kind = data.draw(st.sampled_from(kinds), label="layout")
    planes = data.draw(st.booleans(), label="planes")
    size = data.draw(st.sampled_from(list(SIZES)), label="stated size")
    options = data.draw(encodings(), label="encoding") | data.draw(meanings(dtype), label="meaning")
    options |= layout("imagej" if "imagej" in kind else kind, SIZES[size])
    options["bigtiff"] &= "imagej" not in kind
    options["truncate"] = kind.startswith("one directory") and not planes
    if planes and options["metadata"]:
        options["metadata"] = options["metadata"] | {"axes": "YX"}
    voxels = voxels_of(dtype)
    stored = np.stack([voxels] * 3, axis=-1) if options["photometric"] == "rgb" else voxels
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("planes" if planes else "stack.tif")
        assume(written(path, stored, planes, options))
        check(path, voxels, RANGE[dtype], options, size)


def check(path: Path, voxels: np.ndarray, extent: tuple | None, options: dict, size: str) -> None:
    detection = {"method": "dog", "keep": None}
    brain = Brain(
        "mouse-3",
        str(path),
        VOXEL_SIZE,
        settings={"detection": detection, "intensity_range": extent},
    )
    try:
        found = check_brain(brain)
    except InputError as refusal:
        message = str(refusal)
    else:
        message = ""
    if message:
        assert refused_with_reason(message, options, size), message
        return
    read = open_channel(brain, "signal").data.compute()
    wanted = voxels if extent is None else voxels.astype(np.int64) - extent[0]
    if not np.array_equal(read, wanted):
        assert any("may have changed" in warning for warning in found["warnings"])
    if options["photometric"] == "miniswhite":
        assert any("0 is white" in warning for warning in found["warnings"])
    assert size != "wrong" or not (options.get("imagej") or options.get("ome"))
    assert options["photometric"] != "rgb"


def refused_with_reason(message: str, options: dict, size: str) -> bool:
    """Whether it is told what is wrong with the file, which is wrong indeed."""
    changed = options.get("compressionargs") not in (None, {}, {"lossless": True})
    changed |= options.get("compression") == "jpeg" and "lossless" not in options.get(
        "compressionargs", {}
    )
    reasons = {
        "lossy": changed,
        # What was lossy may have lost the bright spots, and with them what tells.
        "cells would be holes": changed and options["photometric"] in ("miniswhite", "palette"),
        "colour image": options["photometric"] == "rgb",
        "colour table": options["photometric"] == "palette",
        "voxels of 3, 0.65, 0.65": size == "wrong",
        "voxels of unknown, 0.65, 0.65": size == "wrong",
    }
    return any(text in message and true for text, true in reasons.items())
