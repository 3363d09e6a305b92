"""Files from static web servers: whole, or refused in words."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tqdm import tqdm

from cellsift.errors import InputError

SCHEMES = ("http", "https")
# Seconds without a sign of life.
PATIENCE = 30
BLOCK = 2**18
LARGEST = 50 * 2**30


class CannotReach(InputError):
    """A server that does not answer, or not as it should."""


def is_url(text: str) -> bool:
    """Whether it is the address of a file on a web server.

    Example:
        >>> is_url("https://models.example.org/cfos-1.0.0.zip"), is_url("cfos@1.0.0")
        (True, False)
    """
    return urllib.parse.urlsplit(text).scheme in SCHEMES and "://" in text


def read_url(url: str, largest: int) -> bytes:
    """The content behind an address; InputError for more than `largest` bytes."""
    with _opened(url) as (answer, _):
        content = answer.read(largest + 1)
    if len(content) > largest:
        raise InputError(f"{url}: holds more than {largest} bytes; check the address")
    return content


def download(url: str, path: Path, size: int | None = None) -> None:
    """Write the content behind an address to a file.

    Args:
        path: is there afterwards only if all of it was received.
        size: that it has to have, in bytes, where it is known.

    Raises:
        CannotReach: no server, no such file, or it broke off.
        InputError: another size.
    """
    received = 0
    try:
        with _opened(url) as (answer, length), path.open("wb") as file:
            expected = length if size is None else size
            # None: tqdm keeps quiet where nobody watches.
            with tqdm(total=expected, unit="B", unit_scale=True, disable=None) as bar:
                while block := answer.read(BLOCK):
                    received += len(block)
                    if received > (LARGEST if expected is None else expected):
                        break
                    file.write(block)
                    bar.update(len(block))
        if expected is not None and received < expected:
            raise CannotReach(
                f"{url}: broke off after {received} of {expected} bytes; try again later"
            )
        if received > (LARGEST if expected is None else expected):
            raise InputError(f"{url}: is longer than the {expected or LARGEST} bytes it should be")
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _opened(url: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """Yield the answer of a server and how many bytes it announces."""
    if not is_url(url):
        raise InputError(f"{url}: is no address of a file; give one with http:// or https://")
    request = urllib.request.Request(url, headers={"User-Agent": "cellsift"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            length = answer.headers.get("Content-Length", "")
            yield answer, int(length) if length.isdecimal() else None
    except urllib.error.HTTPError as error:
        raise CannotReach(
            f"{url}: the server answers {error.code} ({error.reason}); check the address"
        ) from None
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise CannotReach(
            f"{url}: cannot be reached ({reason}); check the address and your connection"
        ) from None
