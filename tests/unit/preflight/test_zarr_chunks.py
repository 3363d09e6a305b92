"""Chunk files that are missing, cut off or elsewhere are told before the voxels are judged."""

import shutil
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
from zarr_images import change_json, look, write_ome_zarr

VOXELS = np.random.default_rng(3).integers(100, 4000, (12, 40, 36)).astype(np.uint16)
CHUNKS = (4, 20, 18)
COUNT = 3 * 2 * 2
KEYS = {
    (2, "."): "0.0.0",
    (2, "/"): "0/0/0",
    (3, "."): "c.0.0.0",
    (3, "/"): "c/0/0/0",
}


def stored(path: Path, version: int, separator: str, **options) -> Path:
    name = "v2" if version == 2 else "default"
    encoding = {"name": name, "separator": separator}
    return write_ome_zarr(
        path, VOXELS, version, **{"chunks": CHUNKS, "chunk_key_encoding": encoding} | options
    )


def set_separator(path: Path, version: int, separator: str) -> None:
    if version == 2:
        change_json(path / "0" / ".zarray", dimension_separator=separator)
    else:
        encoding = {"name": "default", "configuration": {"separator": separator}}
        change_json(path / "0" / "zarr.json", chunk_key_encoding=encoding)


@pytest.mark.parametrize(("version", "there"), list(KEYS))
def test_chunks_under_other_names_are_refused_with_the_separator_to_set(tmp_path, version, there):
    path = stored(tmp_path / "brain.zarr", version, there)
    wanted = "/" if there == "." else "."
    assert look(path) == (None, [])
    set_separator(path, version, wanted)
    refused, _ = look(path)
    for part in (str(path), f"{COUNT} of {COUNT} chunks", KEYS[version, there]):
        assert part in refused
    assert KEYS[version, wanted] in refused
    assert f'separator": "{there}"' in refused
    set_separator(path, version, there)
    assert look(path) == (None, [])


@pytest.mark.parametrize(("version", "there"), list(KEYS))
def test_chunks_at_a_url_under_other_names_are_refused(tmp_path, server, version, there):
    """A server lists nothing, so that a chunk is asked for by either name."""
    path = stored(tmp_path / "brain.zarr", version, there)
    url = f"http://127.0.0.1:{server.server_port}/brain.zarr"
    assert look(url)[0] is None
    set_separator(path, version, "/" if there == "." else ".")
    assert f'separator": "{there}"' in look(url)[0]


def test_a_separator_that_was_lost_from_the_metadata_is_named(tmp_path):
    path = stored(tmp_path / "brain.zarr", 2, "/")
    change_json(path / "0" / ".zarray", dimension_separator=None)
    assert '"dimension_separator": "/" in .zarray' in look(path)[0]


def test_some_chunks_under_other_names_are_refused_too(tmp_path):
    """An array extended by a program that lost the separator has both kinds."""
    path = stored(tmp_path / "brain.zarr", 2, "/")
    for y in (0, 1):
        for x in (0, 1):
            chunk = path / "0" / "2" / str(y) / str(x)
            chunk.rename(path / "0" / f"2.{y}.{x}")
    refused, _ = look(path)
    assert f"4 of {COUNT} chunks" in refused
    assert "(0.0.0)" in refused


def test_an_array_without_any_chunk_is_refused_with_their_number(tmp_path):
    path = stored(tmp_path / "brain.zarr", 3, "/")
    shutil.rmtree(path / "0" / "c")
    refused, _ = look(path)
    assert f"none of the {COUNT} chunks" in refused


@pytest.mark.parametrize(
    ("dtype", "fill", "said"), [("u2", 700, "700"), ("u2", 0, "0"), ("f4", 5.5, "5.5")]
)
def test_absent_chunks_are_told_with_the_value_they_read_as(tmp_path, dtype, fill, said):
    voxels = VOXELS.astype(dtype)
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels, chunks=CHUNKS, fill_value=fill)
    (path / "0" / "c" / "0" / "1" / "0").unlink()
    refused, warnings = look(path, intensity_range=[0, 4000])
    assert refused is None
    assert f"1 of {COUNT} chunks have no file and read as {said} everywhere" in warnings[0]


def test_absent_chunks_that_read_as_no_number_are_refused_as_absent(tmp_path):
    voxels = VOXELS.astype("f4")
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels, chunks=CHUNKS, fill_value=np.nan)
    (path / "0" / "c" / "0" / "1" / "0").unlink()
    refused, _ = look(path, intensity_range=[0, 4000])
    assert f"1 of {COUNT} chunks have no file and read as nan" in refused


def test_a_channel_that_is_dark_because_chunks_are_absent_is_refused_as_that(tmp_path):
    voxels = np.zeros_like(VOXELS)
    options = {"chunks": CHUNKS, "config": {"write_empty_chunks": True}}
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels, **options)
    for y in (0, 1):
        (path / "0" / "c" / "1" / str(y) / "1").unlink()
    refused, _ = look(path)
    assert "all voxels are 0" in refused
    assert f"2 of {COUNT} chunks have no file" in refused


def test_an_array_that_was_extended_but_not_written_is_told(tmp_path):
    path = stored(tmp_path / "brain.zarr", 3, "/")
    zarr.open_array(path / "0", mode="r+").resize((20, 40, 36))
    refused, warnings = look(path)
    assert refused is None
    assert "8 of 20 chunks have no file" in warnings[0]


@pytest.mark.parametrize("version", [2, 3])
def test_chunks_beyond_the_shape_in_the_metadata_are_told(tmp_path, version):
    """Their planes would be lost in silence."""
    path = stored(tmp_path / "brain.zarr", version, "/")
    metadata = path / "0" / (".zarray" if version == 2 else "zarr.json")
    change_json(metadata, shape=[8, 40, 36])
    refused, (warning,) = look(path)
    assert refused is None
    assert "4 chunks lie beyond the shape (8, 40, 36)" in warning
    assert KEYS[version, "/"].replace("0", "2", 1) in warning


COMPRESSORS = {
    "none": (None, None),
    "gzip": (numcodecs.GZip(), zarr.codecs.GzipCodec()),
    "zstd": (numcodecs.Zstd(), zarr.codecs.ZstdCodec()),
    "blosc": (numcodecs.Blosc(), zarr.codecs.BloscCodec()),
}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_a_chunk_file_without_a_byte_is_refused_by_name(tmp_path, version, compressor):
    """As a full disk leaves them: outside of the planes looked at, nobody would read them."""
    options = {"compressors": COMPRESSORS[compressor][version - 2], "chunks": (1, 40, 36)}
    path = stored(tmp_path / "brain.zarr", version, "/", **options)
    assert look(path) == (None, [])
    chunk = path / "0" / KEYS[version, "/"].replace("0", "5", 1)
    chunk.write_bytes(b"")
    refused, _ = look(path)
    assert str(chunk) in refused
    assert "no byte" in refused


def test_a_chunk_without_compression_is_refused_if_its_length_is_wrong(tmp_path):
    path = stored(tmp_path / "brain.zarr", 3, "/", compressors=None, chunks=(1, 40, 36))
    chunk = path / "0" / "c" / "5" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-2])
    refused, _ = look(path)
    assert f"{chunk}: this chunk is cut off" in refused
    assert "2878 bytes instead of 2880" in refused


@pytest.mark.parametrize("location", ["start", "end"])
def test_a_shard_that_is_cut_off_is_refused_by_name(tmp_path, location):
    shards = {"shape": (4, 40, 36), "index_location": location}
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, chunks=(2, 20, 18), shards=shards)
    assert look(path) == (None, [])
    shard = path / "0" / "c" / "1" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:-40])
    refused, _ = look(path)
    assert f"{shard}: this shard of chunks is cut off" in refused


def test_chunks_that_a_shard_lacks_are_counted(tmp_path):
    """Those of the last shards that reach beyond the array are not missed."""
    voxels = VOXELS[:10].copy()
    voxels[2:4, :20, :18] = 0
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels, chunks=(2, 20, 18), shards=(4, 40, 36))
    refused, warnings = look(path)
    assert refused is None
    assert "lack 1 of their 20 chunks" in warnings[0]
    path = write_ome_zarr(
        tmp_path / "whole.zarr", VOXELS[:10], chunks=(2, 20, 18), shards=(4, 40, 36)
    )
    assert look(path) == (None, [])


def test_stray_files_do_not_alarm_and_are_named_where_chunks_are_absent(tmp_path):
    path = stored(tmp_path / "brain.zarr", 2, ".")
    for name in ("._0.0.0", ".nfs0001", "0.0.0.partial", "thumbs.db"):
        (path / "0" / name).write_bytes(b"x")
    assert look(path) == (None, [])
    (path / "0" / "1.1.1").unlink()
    assert "0.0.0.partial" in look(path)[1][0]
