"""Text that people write and spreadsheets save: read in the encoding that it is in."""

import codecs
from pathlib import Path

from cellsift.errors import InputError

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
OTHER_FILES = {
    b"PK\x03\x04": "a workbook (such as .xlsx or .ods) or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
}


def read_text(path: str | Path, save_as: str = "plain text") -> str:
    """The text of a file in UTF-8 or UTF-16, without byte order mark and with lines ended by \\n.

    UTF-16 without its mark is known by the zero bytes of its Latin letters. `save_as` is what a
    message advises to save the file as, in UTF-8. Raises OSError for a file that cannot be read,
    InputError for one that is no such text.
    """
    content = Path(path).read_bytes()
    for start, found in OTHER_FILES.items():
        if content.startswith(start):
            raise InputError(
                f"{path}: is {found}, whatever its name says, not text; open it in the program "
                f"that it is of and save it as {save_as} in UTF-8"
            )
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {_trouble(content, error, encoding, save_as)}") from error
    # No text has zeros; what else they may be, such as a table in UTF-32, is not guessed.
    if "\0" in text:
        raise InputError(
            f"{path}: cannot be read as text in {encoding.upper()}, as it has bytes of value 0; "
            f"save it as {save_as} in UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoding(content: bytes) -> str:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return encoding
    head = content[:2000]
    if len(content) % 2 == 0 and len(head) > 1:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if even == 0 and odd > len(head) / 4:
            return "utf-16-le"
        if odd == 0 and even > len(head) / 4:
            return "utf-16-be"
    return "utf-8"


def _trouble(content: bytes, error: UnicodeDecodeError, encoding: str, save_as: str) -> str:
    if encoding != "utf-8" and encoding != "utf-8-sig":
        return (
            f"cannot be read as text in {encoding.upper()} ({error.reason}); save it as {save_as} "
            "in UTF-8"
        )
    line = content[: error.start].count(b"\n") + 1
    byte = content[error.start]
    sign = bytes([byte]).decode("cp1252", errors="replace")
    meant = f", which is {sign!r} in Windows-1252 or Latin-1" if sign.isprintable() else ""
    return (
        f"cannot be read as text in UTF-8: line {line} has a byte {byte:#04x}{meant}; save it as "
        f"{save_as} in UTF-8"
    )
