"""Whoever wrote an OME-Zarr: its voxels open as they were written, or it is refused or told."""

import tempfile
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, GzipCodec, TransposeCodec, ZstdCodec
from zarr.codecs import numcodecs as v3
from zarr_images import VOXEL_SIZE, look, write_ome_zarr

from cellsift.io.units import micrometres_in
from cellsift.io.volumes import open_volume

# The same examples on every run; each writes and reads a few dozen small files.
SWEEP = settings(max_examples=30, deadline=None, derandomize=True, database=None)
SHAPE, CHUNKS, SHARDS = (9, 20, 14), (4, 10, 7), (4, 20, 14)
VOXELS = np.random.default_rng(5).integers(1, 256, SHAPE)
AXES = ["zyx", "czyx", "tczyx"]
LOSSLESS = {
    2: [None, numcodecs.GZip(), numcodecs.Zlib(), numcodecs.Zstd(), numcodecs.LZ4()]
    + [numcodecs.BZ2(), numcodecs.LZMA()]
    + [numcodecs.Blosc(cname, shuffle=n) for cname in ("lz4", "zstd", "zlib") for n in (0, 1, 2)],
    3: [None, GzipCodec(), ZstdCodec(checksum=True), v3.LZ4(), v3.BZ2(), v3.LZMA(), v3.Zlib()]
    + [BloscCodec(cname=name) for name in ("lz4", "lz4hc", "zstd", "blosclz", "zlib")],
}
pytestmark = pytest.mark.filterwarnings("ignore:Numcodecs codecs are not")


def filters_of(version: int, dtype: str, name: str | None, axes: int) -> list:
    delta, remap, narrow = {
        2: (numcodecs.Delta, numcodecs.FixedScaleOffset, numcodecs.AsType),
        3: (v3.Delta, v3.FixedScaleOffset, v3.AsType),
    }[version]
    known = {
        None: lambda: [],
        "delta": lambda: [delta(dtype=dtype)],
        "remapped": lambda: [remap(offset=0, scale=0.5, dtype=dtype, astype="u1")],
        "narrower": lambda: [narrow(encode_dtype="i1", decode_dtype=dtype)],
        "transposed": lambda: [TransposeCodec(order=tuple(range(axes))[::-1])],
    }
    return known[name]()


@st.composite
def writers(draw) -> dict:
    """Options for `write_ome_zarr` that Zarr can write."""
    version, axes = draw(st.sampled_from([2, 3])), draw(st.sampled_from(AXES))
    extra = (1,) * (len(axes) - 3)
    sharded = version == 3 and draw(st.booleans())
    dtype = draw(st.sampled_from(["u1", "<u2", ">u2"] if version == 2 else ["u1", "u2"]))
    names = [None, None, "delta", "remapped", "narrower"]
    name = draw(st.sampled_from(names + ["transposed"] * (version == 3)))
    options = {
        "version": version,
        "axes": axes,
        "unit": draw(st.sampled_from(["micrometer", "µm", "micron", "millimeter", None])),
        "chunks": (*extra, *CHUNKS),
        "compressors": draw(st.sampled_from(LOSSLESS[version])),
        "filters": filters_of(version, dtype, name, len(axes)),
        "fill_value": draw(st.sampled_from([0, 0, 7])),
        "chunk_key_encoding": {
            "name": draw(st.sampled_from(["v2"] if version == 2 else ["default", "v2"])),
            "separator": draw(st.sampled_from("./")),
        },
    }
    if sharded:
        options["shards"] = (*extra, *SHARDS)
    if version == 2:
        options["order"] = draw(st.sampled_from("CF"))
    return options | {"dtype": dtype, "consolidated": draw(st.booleans())}


def written(folder: str, options: dict) -> tuple[Path, np.ndarray]:
    options = dict(options)
    voxels = VOXELS.astype(options.pop("dtype"))
    consolidated = options.pop("consolidated")
    shape = (1,) * (len(options["axes"]) - 3) + SHAPE
    factor = micrometres_in(options["unit"] or "micrometer")
    options["scale"] = [size / factor for size in VOXEL_SIZE]
    path = write_ome_zarr(Path(folder) / "brain.zarr", voxels.reshape(shape), **options)
    if consolidated:
        zarr.consolidate_metadata(path)
    return path, voxels


@SWEEP
@given(writers())
def test_voxels_open_as_they_were_written_or_are_refused(options):
    with tempfile.TemporaryDirectory() as folder:
        path, voxels = written(folder, options)
        refused, warnings = look(path)
        lossy = any("Delta" not in type(step).__name__ for step in options["filters"])
        lossy = lossy and "Transpose" not in type(options["filters"][0]).__name__
        if lossy:
            assert "does not give back every intensity" in refused
        else:
            assert (refused, warnings) == (None, [])
            opened = open_volume(path, VOXEL_SIZE).data.compute()
            assert opened.dtype.isnative
            np.testing.assert_array_equal(opened, voxels)


@SWEEP
@given(writers(), st.data())
def test_chunks_that_went_missing_are_always_spoken_of(options, data):
    with tempfile.TemporaryDirectory() as folder:
        path, _ = written(folder, options)
        files = sorted(
            file
            for file in (path / "0").rglob("*")
            if file.is_file() and file.name != "zarr.json" and not file.name.startswith(".")
        )
        harm = data.draw(st.sampled_from(["removed", "emptied", "moved"]))
        for file in data.draw(st.lists(st.sampled_from(files), min_size=1, unique=True)):
            if harm == "emptied":
                file.write_bytes(b"")
            elif harm == "removed":
                file.unlink()
            else:
                file.rename(file.with_name(f"{file.name}.part"))
        refused, warnings = look(path)
        lossy = refused and "does not give back every intensity" in refused
        assert lossy or any("chunk" in said for said in [refused or "", *warnings])
