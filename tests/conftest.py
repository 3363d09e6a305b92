"""Fixtures that several tests share."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from cellsift.phantom import make_brain, write_brain
from cellsift.phantom.settings import BrainSettings
from checkout import BRAINS, Checkout
from workers import ByWhatTheyShare, rank

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items):
    """The longest first."""
    items.sort(key=lambda item: rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Of `--dist loadfile`: some files are divided further."""
    return ByWhatTheyShare(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real brains: $CELLSIFT_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("CELLSIFT_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real brains at {folder}: set CELLSIFT_DATA to their folder")
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """A server of the test's folder."""
    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def new_disk(tmp_path):
    """A function that mounts an empty file system of a size such as "64k" and gives its folder."""
    disks = []

    def make(size: str) -> Path:
        folder = tmp_path / f"disk_{len(disks)}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("a file system can be mounted by root alone")
        disks.append(folder)
        return folder

    yield make
    for folder in disks:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def obeying() -> list[str] | None:
    """How to start a command that may not write to closed folders; None where root cannot do so."""
    if os.geteuid():
        return []
    command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    if not shutil.which("setpriv") or subprocess.run([*command, "true"]).returncode:
        return None
    return command


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function that lets the first of pytest's workers make something, and gives all its text."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def made_once(name: str, make: Callable[[], str]) -> str:
        text = folder / f"{name}.txt"
        with FileLock(folder / f"{name}.lock"):
            if not text.exists():
                text.write_text(make())
        return text.read_text()

    return made_once


@pytest.fixture(scope="session")
def small_brains(tmp_path_factory, once) -> Path:
    """Three made-up brains of a few dozen cells each."""

    def make() -> str:
        folder = tmp_path_factory.mktemp("brains")
        settings = BrainSettings(shape=(28, 150, 180), cells=70)
        for name, (_, seed) in BRAINS.items():
            write_brain(make_brain(seed, settings), folder / name)
        return str(folder)

    return Path(once("small_brains", make))


@pytest.fixture(scope="session")
def new_checkout(tmp_path_factory, repository, small_brains):
    """A function that makes another checkout with the same brains."""

    def make() -> Checkout:
        checkout = Checkout(tmp_path_factory.mktemp("checkout"), repository)
        (checkout.folder / "brains").symlink_to(small_brains)
        return checkout

    return make


@pytest.fixture
def checkout_in(tmp_path, repository, small_brains):
    """A function that makes a checkout, with its .venv, in a folder of the given name."""

    def make(name: str) -> Checkout:
        folder = tmp_path / name / "cellsift"
        folder.mkdir(parents=True)
        checkout = Checkout(folder, repository)
        (folder / "brains").symlink_to(small_brains)
        (folder / ".venv").symlink_to(sys.prefix)
        return checkout

    return make


@pytest.fixture(scope="session")
def finished(new_checkout, tmp_path_factory, once) -> Checkout:
    """A copy of a checkout in which the whole chain has run, once for all of pytest's workers."""

    def make() -> str:
        checkout = new_checkout()
        code, output = checkout.run("--cores", "2")
        assert code == 0, output
        return f"{checkout.folder}\n{output}"

    source, output = once("finished", make).split("\n", 1)
    copy = Checkout.copied(Path(source), tmp_path_factory.mktemp("finished") / "checkout")
    copy.output = output
    return copy
