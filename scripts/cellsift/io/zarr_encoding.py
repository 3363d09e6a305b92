"""Whether the voxels of a Zarr array are those that were imaged: lossy and re-mapped encodings."""

import math
from collections.abc import Iterator

import numpy as np
import zarr

from cellsift.errors import InputError

# Codecs of numcodecs and Zarr that give back what they got, bit for bit.
LOSSLESS = {"bytes", "endian", "transpose", "shuffle", "bitshuffle", "pcodec"}
LOSSLESS |= {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}
LOSSLESS |= {"adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"}
# They keep the leading digits or bits of fractions.
ROUNDING = {"bitround": "keepbits", "quantize": "digits"}
# Attributes of CF (netCDF, xarray) by which stored numbers are to be multiplied and shifted.
REMAPPED = {"scale_factor": 1, "add_offset": 0}


def refuse_lossy(what: str, array: zarr.Array) -> None:
    """Raise InputError for a codec that changes intensities, or that is not known not to."""
    for name, options in _codecs(array):
        if name in LOSSLESS or name in ROUNDING or _keeps(name, options):
            continue
        given = ", ".join(f"{key}={value}" for key, value in options.items())
        raise InputError(
            f"{what}: the voxels went through {name} ({given}), which does not give back every "
            "intensity. Write the OME-Zarr again from the original data with a lossless "
            "compression (blosc, zstd, gzip) and without filters."
        )


def encoding_doubts(array: zarr.Array) -> list[str]:
    """What may be wrong with the voxels by their encoding and attributes, in sentences."""
    doubts = [
        f"the voxels were rounded by {name} ({ROUNDING[name]} = {options.get(ROUNDING[name])}) "
        "when they were written, so that faint differences may be lost. Take the original data if "
        "they are at hand."
        for name, options in _codecs(array)
        if name in ROUNDING
    ]
    attributes = array.attrs.asdict()
    remapped = {
        key: attributes[key]
        for key, neutral in REMAPPED.items()
        if attributes.get(key, neutral) != neutral
    }
    if remapped:
        said = " and ".join(f"{key} = {value}" for key, value in remapped.items())
        doubts.append(
            f"its attributes say {said}: intensities are the stored numbers multiplied by "
            "scale_factor, plus add_offset. The stored numbers are taken as they are; write the "
            "OME-Zarr again with true intensities if the channels are to be compared."
        )
    empty = attributes.get("_FillValue", attributes.get("missing_value", 0))
    if isinstance(empty, int | float) and not math.isnan(empty) and empty != 0:
        doubts.append(
            f"its attributes say that voxels of {empty} stand for no data (_FillValue); they are "
            "taken for intensities. Write 0 there instead."
        )
    return doubts


def _codecs(array: zarr.Array) -> Iterator[tuple[str, dict]]:
    """Name and options of every codec and filter, those inside shards too."""
    if array.metadata.zarr_format == 2:
        codecs = [*(array.metadata.filters or ()), array.metadata.compressor]
        options_of = [dict(codec.get_config()) for codec in codecs if codec is not None]
        yield from ((options.pop("id"), options) for options in options_of)
    else:
        yield from _unpacked([codec.to_dict() for codec in array.metadata.codecs])


def _unpacked(codecs: list[dict]) -> Iterator[tuple[str, dict]]:
    for codec in codecs:
        name, options = codec["name"], codec.get("configuration") or {}
        if name == "sharding_indexed":
            yield from _unpacked([dict(inner) for inner in options["codecs"]])
        else:
            yield name.removeprefix("numcodecs."), dict(options)


def _keeps(name: str, options: dict) -> bool:
    """Whether a codec that may lose something does not, with these options."""
    if name == "delta":
        dtype = np.dtype(options["dtype"])
        return np.dtype(options.get("astype") or dtype).itemsize >= dtype.itemsize
    if name == "astype":
        return np.can_cast(options["decode_dtype"], options["encode_dtype"], "safe")
    # 5 is the reversible mode.
    return name == "zfpy" and options.get("mode") == 5
