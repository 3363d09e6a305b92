"""Whether a TIFF page's compression keeps every grey value: told by its code, or by its data."""

import struct

from tifffile import COMPRESSION, TiffPage

JPEG = {COMPRESSION.OJPEG, COMPRESSION.JPEG, COMPRESSION.JPEG_LOSSY, COMPRESSION.ALT_JPEG}
JPEG_2000 = {
    COMPRESSION.APERIO_JP2000_YCBC,
    COMPRESSION.JPEG_2000_LOSSY,
    COMPRESSION.APERIO_JP2000_RGB,
    COMPRESSION.JPEG2000,
}
LOSSY = {COMPRESSION.JETRAW, COMPRESSION.PIXARLOG, COMPRESSION.SGILOG, COMPRESSION.SGILOG24}
# Whether these keep every value is a setting that their data does not show plainly.
UNCERTAIN = {
    COMPRESSION.JPEGXR,
    COMPRESSION.JPEGXR_NDPI,
    COMPRESSION.JPEGXL,
    COMPRESSION.JPEGXL_DNG,
    COMPRESSION.WEBP,
    COMPRESSION.WEBP_DEPRECATED,
}
QUESTIONABLE = JPEG | JPEG_2000 | LOSSY | UNCERTAIN | {COMPRESSION.LERC}
# As much of a page's data as markers and headers are looked for in.
LOOKED_AT = 4096


def is_lossy(page: TiffPage) -> bool | None:
    """True if the page's compression changes grey values, False if not, None if not known."""
    if page.compression not in QUESTIONABLE:
        return False
    if page.compression in LOSSY:
        return True
    if page.compression in UNCERTAIN:
        return None
    if page.compression in JPEG:
        return not _is_lossless_jpeg(_beginning(page))
    if page.compression in JPEG_2000:
        return _is_lossy_jpeg_2000(_beginning(page))
    return _is_lossy_lerc(_beginning(page), page.dtype is not None and page.dtype.kind == "f")


def name_of(page: TiffPage) -> str:
    """The compression's name, for messages."""
    if page.compression in JPEG:
        return "JPEG"
    return getattr(page.compression, "name", str(page.compression))


def _beginning(page: TiffPage) -> bytes:
    if not len(page.dataoffsets):
        return b""
    file = page.parent.filehandle
    file.seek(page.dataoffsets[0])
    return file.read(min(LOOKED_AT, page.databytecounts[0]))


def _is_lossless_jpeg(data: bytes) -> bool:
    """Whether the first frame's marker is SOF3, JPEG's lossless process (ITU T.81, B.1.1.3)."""
    offset = 2
    while offset + 4 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker == 0xC3
        offset += 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
    return False


def _is_lossy_jpeg_2000(data: bytes) -> bool | None:
    """Whether the wavelet is the irreversible 9-7 one (ITU T.800, A.6.1)."""
    # SIZ comes first in a codestream, COD among what follows: FF52, length, Scod, 4 bytes, levels.
    start = data.find(b"\xff\x4f\xff\x51")
    offset = data.find(b"\xff\x52", start + 4)
    if start < 0 or offset < 0 or len(data) < offset + 14:
        return None
    return data[offset + 13] == 0


def _is_lossy_lerc(data: bytes, real: bool) -> bool | None:
    """Whether the header allows an error of more than half a grey value, or of any for floats."""
    # github.com/Esri/lerc: name, version, checksum, six or seven integers, then the error.
    if data[:6] != b"Lerc2 " or len(data) < 50:
        return None
    version = struct.unpack_from("<i", data, 6)[0]
    if version not in (3, 4, 5):
        return None
    error = struct.unpack_from("<d", data, 38 if version == 3 else 42)[0]
    return error > (0 if real else 0.5)
