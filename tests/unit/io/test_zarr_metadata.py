"""What metadata say of an OME-Zarr is held against what it is; layouts of converters are known."""

import json
import shutil

import numcodecs
import numpy as np
import pytest
import zarr
from zarr_images import (
    VOXEL_SIZE,
    brain_of,
    change_json,
    describe,
    look,
    multiscales,
    write_ome_zarr,
)

from cellsift.errors import InputError
from cellsift.io.volumes import open_volume
from cellsift.preflight.volumes import check_volumes

VOXELS = np.random.default_rng(3).integers(100, 4000, (12, 40, 36)).astype(np.uint16)
CHUNKS = (4, 20, 18)


@pytest.mark.parametrize("version", [2, 3])
def test_an_image_that_was_extended_after_consolidation_has_all_its_planes(tmp_path, version):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS[:8], version, chunks=CHUNKS)
    zarr.consolidate_metadata(path)
    assert look(path) == (None, [])
    array = zarr.open_array(path / "0", mode="r+")
    array.resize(VOXELS.shape)
    array[8:] = VOXELS[8:]
    volume = open_volume(path, VOXEL_SIZE)
    np.testing.assert_array_equal(volume.data.compute(), VOXELS)
    refused, (warning,) = look(path)
    assert refused is None
    for part in ("consolidated", "(8, 40, 36)", "(12, 40, 36)"):
        assert part in warning


@pytest.mark.parametrize("version", [2, 3])
def test_an_extended_image_at_a_url_has_all_its_planes(tmp_path, server, version):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS[:8], version, chunks=CHUNKS)
    zarr.consolidate_metadata(path)
    array = zarr.open_array(path / "0", mode="r+")
    array.resize(VOXELS.shape)
    array[8:] = VOXELS[8:]
    url = f"http://127.0.0.1:{server.server_port}/brain.zarr"
    np.testing.assert_array_equal(open_volume(url, VOXEL_SIZE).data.compute(), VOXELS)
    assert any("consolidated" in warning for warning in look(url)[1])


def test_an_array_known_from_consolidated_metadata_alone_opens(tmp_path):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    zarr.consolidate_metadata(path)
    (path / "0" / ".zarray").unlink()
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), VOXELS)


def test_broken_consolidated_metadata_do_not_matter(tmp_path):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    (path / ".zmetadata").write_text("{")
    assert look(path) == (None, [])


@pytest.mark.parametrize("agree", [True, False])
def test_metadata_of_both_versions_of_zarr_have_to_agree(tmp_path, agree):
    """As after a conversion in place: the chunks serve both."""
    path = write_ome_zarr(
        tmp_path / "brain.zarr",
        VOXELS,
        2,
        chunks=CHUNKS,
        compressors=numcodecs.Zstd(),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    three = tmp_path / "three.zarr"
    voxels = VOXELS if agree else VOXELS[:8]
    encoding = {"name": "v2", "separator": "/"}
    options = {"compressors": zarr.codecs.ZstdCodec(), "chunk_key_encoding": encoding}
    write_ome_zarr(three, voxels, 3, chunks=CHUNKS, **options)
    for name in ("zarr.json", "0/zarr.json"):
        shutil.copy(three / name, path / name)
    refused, warnings = look(path)
    if agree:
        assert (refused, warnings) == (None, [])
    else:
        for part in ("contradict", ".zarray", "(12, 40, 36)", "zarr.json", "(8, 40, 36)"):
            assert part in refused


def test_an_empty_group_of_zarr_3_over_an_image_of_zarr_2_does_not_hide_it(tmp_path):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    zarr.create_group(tmp_path / "empty.zarr", zarr_format=3)
    shutil.copy(tmp_path / "empty.zarr" / "zarr.json", path)
    assert look(path) == (None, [])


def two_levels(path, shapes, scales=None, version=2):
    group = zarr.create_group(path, zarr_format=version)
    for name, shape in zip("01", shapes, strict=True):
        array = group.create_array(name, shape=shape, dtype="u2", chunks=CHUNKS)
        array[...] = np.resize(VOXELS, shape)
    image = multiscales(paths=("0", "1"))
    if scales:
        for dataset, scale in zip(image[0]["datasets"], scales, strict=True):
            dataset["coordinateTransformations"][0]["scale"] = scale
    describe(group, image)
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("level", "image"),
    [
        ([5, 2, 2], None),
        ([5, 2, 2], []),
        (None, [5, 2, 2]),
        ([1, 1, 1], [5, 2, 2]),
        ([2.5, 2, 1], [2, 1, 2]),
    ],
    ids=str,
)
def test_scales_of_level_and_image_go_together(tmp_path, version, level, image):
    """A list of transformations may be absent or null."""
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, version)
    group, described = zarr.open_group(path, mode="r+"), multiscales()
    scale = [[{"type": "scale", "scale": sizes}] if sizes else sizes for sizes in (level, image)]
    described[0]["datasets"][0]["coordinateTransformations"] = scale[0]
    described[0]["coordinateTransformations"] = scale[1]
    describe(group, described)
    assert look(path) == (None, [])
    with pytest.raises(InputError, match="says voxels of 5, 2, 2 µm"):
        open_volume(path, (5.0, 2.0, 1.5))


@pytest.mark.parametrize("version", [2, 3])
def test_levels_in_the_wrong_order_are_refused_with_both_shapes(tmp_path, version):
    good = two_levels(tmp_path / "good.zarr", [(12, 41, 36), (12, 20, 18)], version=version)
    assert look(good) == (None, [])
    bad = two_levels(tmp_path / "bad.zarr", [(12, 20, 18), (12, 41, 36)], version=version)
    refused, _ = look(bad)
    for part in ("(12, 20, 18)", "(12, 41, 36)", "largest"):
        assert part in refused


def test_levels_whose_voxel_sizes_contradict_their_shapes_are_told(tmp_path):
    shapes, scales = [(12, 41, 36), (6, 20, 18)], [[5, 2, 2], [10, 4, 4]]
    assert look(two_levels(tmp_path / "good.zarr", shapes, scales)) == (None, [])
    scales = [[5, 2, 2], [5, 2, 2]]
    _, (warning,) = look(two_levels(tmp_path / "bad.zarr", shapes, scales))
    assert "voxel sizes is wrong" in warning


def test_a_level_that_is_not_there_does_not_matter(tmp_path):
    path = two_levels(tmp_path / "brain.zarr", [(12, 40, 36), (12, 20, 18)])
    shutil.rmtree(path / "1")
    assert look(path) == (None, [])


def converted(path, series, listed=True):
    """A file with `series` images as bioformats2raw writes it."""
    root = zarr.create_group(path, zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    ome = root.create_group("OME")
    if listed:
        ome.attrs["series"] = [str(number) for number in range(series)]
    for number in range(series):
        write_ome_zarr(path / str(number), VOXELS[None, None], 2, "tczyx", chunks=(1, 1, *CHUNKS))
    return path


@pytest.mark.parametrize("listed", [True, False])
def test_the_only_image_of_bioformats2raw_opens(tmp_path, listed):
    path = converted(tmp_path / "brain.zarr", 1, listed)
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), VOXELS)
    found = check_volumes(brain_of(path))
    assert found["warnings"] == []
    assert found["signal"]["chunks"] == 12


@pytest.mark.parametrize("listed", [True, False])
def test_one_of_several_images_of_bioformats2raw_has_to_be_chosen(tmp_path, listed):
    path = converted(tmp_path / "brain.zarr", 2, listed)
    refused, _ = look(path)
    assert f"{path}/0, {path}/1" in refused
    assert look(path / "1") == (None, [])


def test_plates_wells_labels_and_levels_are_refused_with_what_to_give(tmp_path):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    assert f"{path} maybe" in look(path / "0")[0]
    for attributes, said in (
        ({"plate": {"wells": [{"path": "A/1"}]}}, "A/1/0"),
        ({"well": {"images": [{"path": "0"}, {"path": "1"}]}}, "/1"),
        ({"labels": ["cells"]}, "labels"),
        (json.loads((path / ".zattrs").read_text()) | {"image-label": {}}, "labels"),
        ({"plate": 3}, "plate"),
    ):
        (path / ".zattrs").write_text(json.dumps(attributes))
        assert said in look(path)[0]


V2_LOSSY = [
    numcodecs.FixedScaleOffset(offset=0, scale=0.01, dtype="u2", astype="u1"),
    numcodecs.AsType(encode_dtype="u1", decode_dtype="u2"),
    numcodecs.Delta("u2", "u1"),
]


@pytest.mark.parametrize("codec", V2_LOSSY, ids=lambda codec: codec.codec_id)
@pytest.mark.parametrize("version", [2, 3])
def test_encodings_that_change_intensities_are_refused_by_name(tmp_path, codec, version):
    options = {key: item for key, item in codec.get_config().items() if key != "id"}
    name = type(codec).__name__
    filters = [codec if version == 2 else getattr(zarr.codecs.numcodecs, name)(**options)]
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, version, filters=filters, chunks=CHUNKS)
    refused, _ = look(path)
    assert codec.codec_id in refused
    assert "lossless" in refused


def test_a_codec_inside_shards_is_seen(tmp_path):
    filters = [zarr.codecs.numcodecs.AsType(encode_dtype="u1", decode_dtype="u2")]
    options = {"filters": filters, "chunks": (2, 20, 18), "shards": (4, 40, 36)}
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, **options)
    assert "astype" in look(path)[0]


@pytest.mark.parametrize(
    "codec", [numcodecs.BitRound(4), numcodecs.Quantize(2, "f4")], ids=lambda codec: codec.codec_id
)
def test_rounding_of_fractions_is_told(tmp_path, codec):
    voxels = VOXELS.astype("f4") / 4000
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels, 2, filters=[codec], chunks=CHUNKS)
    refused, (warning,) = look(path, intensity_range=[0, 1])
    assert refused is None
    assert f"rounded by {codec.codec_id}" in warning


@pytest.mark.parametrize("codec", ["imagecodecs_jpegxl", "imagecodecs_jpeg2k"])
def test_a_codec_of_pictures_is_refused_by_name(tmp_path, codec):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    change_json(path / "0" / ".zarray", compressor={"id": codec, "level": 3})
    assert codec in look(path)[0]


def test_a_filter_that_would_run_code_from_the_file_is_refused(tmp_path):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    change_json(path / "0" / ".zarray", filters=[{"id": "pickle"}])
    assert "pickle" in look(path)[0]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"scale_factor": 0.5, "add_offset": 100}, "scale_factor = 0.5 and add_offset = 100"),
        ({"add_offset": -7}, "add_offset = -7"),
        ({"_FillValue": 65535}, "65535"),
        ({"scale_factor": 1.0, "add_offset": 0, "_FillValue": 0}, None),
        ({"_FillValue": "AAAAAAAA+H8="}, None),
    ],
)
def test_attributes_that_map_intensities_are_told(tmp_path, attributes, said):
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    (path / "0" / ".zattrs").write_text(json.dumps(attributes))
    refused, warnings = look(path)
    assert refused is None
    assert len(warnings) == (said is not None)
    assert all(said in warning for warning in warnings)


@pytest.mark.parametrize("shape", [[0, 40, 36], [2**40, 2**40, 2**40]], ids=["none", "too many"])
def test_a_shape_that_no_brain_has_is_refused(tmp_path, shape):
    """Metadata that are written before the image, or that are damaged."""
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, chunks=CHUNKS)
    change_json(path / "0" / ".zarray", shape=shape)
    assert "Correct the metadata" in look(path)[0]
