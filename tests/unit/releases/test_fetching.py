"""A release by path, address or name: fetched once, checked on every load, refused in words."""

import json
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from small_release import tiny_release

from cellsift.errors import InputError
from cellsift.io.checksums import file_sha256
from cellsift.releases.download import download
from cellsift.releases.fetch import MODELS, fetch, model_folder
from cellsift.releases.index import read_index
from cellsift.releases.manifest import MANIFEST, Release


@pytest.fixture
def models(tmp_path) -> Path:
    """A folder with three versions of a release."""
    for version, text in (("1.0.0", "a"), ("1.10.0", "c"), ("1.9.0", "b")):
        tiny_release(tmp_path / "models", version=version, text=text)
    return tmp_path / "models"


@pytest.fixture
def address(models, server) -> str:
    """Where the same folder is on a web server."""
    return f"http://127.0.0.1:{server.server_port}/models"


def files_of(cache: Path) -> list[Path]:
    """What is kept of models: not the locks."""
    return [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"]


def test_a_folder_with_a_model_is_used_as_it_is(tmp_path, cache):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.json").write_text("{}")
    assert model_folder(tmp_path / "mine") == tmp_path / "mine"
    assert not cache.exists()


def test_a_file_an_address_and_a_name_give_the_same_model(models, address, monkeypatch):
    monkeypatch.setenv(MODELS, str(models))
    folders = {
        model_folder(model)
        for model in (
            models / "tiny-1.9.0.zip",
            f"{address}/tiny-1.9.0.zip",
            "tiny@1.9.0",
        )
    }
    folders |= {model_folder("tiny@1.9.0", place) for place in (address, f"{address}/index.json")}
    (folder,) = folders
    assert (folder / "fold-0.safetensors").read_text() == "b" * 1000
    assert (folder / "model.json").is_file()


@pytest.mark.parametrize("model", ["tiny", "tiny@latest"])
def test_the_latest_is_that_of_the_highest_version(models, model):
    assert fetch(model, str(models)).release.version == "1.10.0"


def test_the_latest_is_looked_for_each_time(models):
    fetch("tiny", str(models))
    tiny_release(models, version="2.0.0")
    assert fetch("tiny", str(models)).release.version == "2.0.0"


def test_what_was_fetched_is_used_without_a_connection(address, server, capsys):
    for model in ("tiny@1.0.0", "tiny@1.9.0"):
        fetch(model, address)
    url = f"{address}/tiny-1.10.0.zip"
    fetch(url)
    server.shutdown()
    server.server_close()
    assert fetch("tiny@1.0.0", address).release.version == "1.0.0"
    assert fetch(url).release.version == "1.10.0"
    assert not capsys.readouterr().err
    # Of this index: not what came from an address alone.
    assert fetch("tiny", address).release.version == "1.9.0"
    assert "tiny 1.9.0, kept here, is used" in capsys.readouterr().err
    with pytest.raises(InputError, match="cannot be reached"):
        fetch("tiny@1.10.0", address)


def test_a_model_is_fetched_once(models, address):
    first = fetch("tiny@1.0.0", address).folder
    (models / "tiny-1.0.0.zip").unlink()
    (models / "index.json").unlink()
    assert fetch("tiny@1.0.0", address).folder == first


@pytest.mark.parametrize(
    "member",
    [
        MANIFEST,
        "card.md",
        "models/arm/fold-0.json",
        "models/arm/fold-0.safetensors",
        "models/arm/model.json",
    ],
)
def test_a_changed_byte_is_refused_wherever_it_is(models, cache, member):
    """In the file that is fetched, and in what is kept of it."""
    path = models / "tiny-1.0.0.zip"
    kept = fetch(path).folder
    content = (kept / member).read_bytes()
    whole = path.read_bytes()
    place = whole.index(content)
    for offset in (0, len(content) // 2, len(content) - 1):
        for file, old, at in ((kept / member, content, offset), (path, whole, place + offset)):
            file.write_bytes(old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :])
            with pytest.raises(InputError, match="anew"):
                fetch(path)
            file.write_bytes(old)
    assert fetch(path).folder == kept


def test_a_kept_model_that_lost_or_won_a_file_is_refused_until_it_is_removed(models):
    folder = fetch("tiny@1.0.0", str(models)).folder
    (folder / "models" / "arm" / "fold-1.json").write_text("{}")
    with pytest.raises(InputError, match=r"fold-1\.json is no part.*remove the folder"):
        fetch("tiny@1.0.0", str(models))
    (folder / "models" / "arm" / "fold-1.json").unlink()
    (folder / "card.md").unlink()
    with pytest.raises(InputError, match=r"card\.md is missing.*remove the folder"):
        fetch("tiny@1.0.0", str(models))
    shutil.rmtree(folder)
    assert fetch("tiny@1.0.0", str(models)).folder == folder


def test_a_kept_model_is_that_which_was_fetched_though_its_checksums_fit(models):
    folder = fetch("tiny@1.0.0", str(models)).folder
    other = fetch("tiny@1.9.0", str(models)).folder
    shutil.rmtree(folder)
    shutil.copytree(other, folder)
    with pytest.raises(InputError, match=r"release\.json is not what was fetched"):
        fetch("tiny@1.0.0", str(models))


def test_a_file_that_was_cut_off_is_refused(models, cache):
    path = models / "tiny-1.0.0.zip"
    whole = path.read_bytes()
    for length in (0, 1, 500, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"tiny-1\.0\.0\.zip"):
            fetch(path)
    assert files_of(cache) == []


class Broken(BaseHTTPRequestHandler):
    """Announces more than it sends."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"PK\x03\x04" + b"a" * 1000)

    def log_message(self, *_):
        pass


def test_a_download_that_breaks_off_leaves_nothing(cache, tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/tiny-1.0.0.zip"
        with pytest.raises(InputError, match="broke off after 1004 of 100000 bytes"):
            fetch(url)
        with pytest.raises(InputError, match="broke off"):
            download(url, tmp_path / "part.zip")
        server.shutdown()
    assert files_of(cache) == []
    assert not (tmp_path / "part.zip").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": "0" * 64}, "another checksum than its index says"),
        ({"size": 10}, "longer than the 10 bytes"),
        ({"size": 10**6}, "broke off after"),
        ({"version": "3.0.0", "file": "tiny-3.0.0.zip"}, "answers 404"),
        ({"file": "../tiny-1.0.0.zip"}, "is no index"),
        ({"file": "http://127.0.0.1/tiny-1.0.0.zip"}, "is no index"),
        ({"name": "../../evil"}, "is no index"),
        ({"sha256": None}, "is no index"),
        ({"more": 1}, "is no index"),
    ],
)
def test_an_index_that_is_wrong_is_refused_and_nothing_is_kept(
    models, address, cache, change, said
):
    index = json.loads((models / "index.json").read_text())
    index["releases"] = [index["releases"][0] | change]
    (models / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=said):
        fetch("tiny", address)
    assert files_of(cache) == []


def test_an_index_that_names_another_release_is_refused(models, cache):
    """Else the wrong model would be kept under a trusted name."""
    (models / "other-1.0.0.zip").write_bytes((models / "tiny-1.0.0.zip").read_bytes())
    index = json.loads((models / "index.json").read_text())
    (entry,) = [one for one in index["releases"] if one["version"] == "1.0.0"]
    index["releases"].append(entry | {"name": "other", "file": "other-1.0.0.zip"})
    (models / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"as other 1\.0\.0 that is tiny 1\.0\.0"):
        fetch("other", str(models))


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"format": 1}'])
def test_what_is_no_index_is_refused(models, address, content):
    (models / "index.json").write_bytes(content)
    for place in (str(models), address):
        with pytest.raises(InputError, match="is no index of releases"):
            fetch("tiny", place)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("absent", r"there is no release absent; give one of: tiny"),
        ("tiny@1.0.1", r"no version 1\.0\.1 of tiny; give one of: 1\.10\.0, 1\.9\.0, 1\.0\.0"),
        ("tiny@newest", "'newest' is no version"),
        ("no/such/folder", "no/such/folder: is no model"),
        ("../tiny-1.0.0.zip", "is no model"),
        ("tiny-1.0.0.zip", "is no model"),
        ("", "is no model"),
    ],
)
def test_what_leads_to_no_model_is_refused(models, model, said):
    with pytest.raises(InputError, match=said):
        fetch(model, str(models))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is no model; give a folder with model\.json"):
        model_folder(tmp_path)


def test_a_name_without_an_index_says_what_to_set():
    with pytest.raises(InputError, match=f"set {MODELS} to the folder or address"):
        fetch("tiny")


def test_a_server_that_is_not_there_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{free.getsockname()[1]}"
    for model in (f"{place}/tiny-1.0.0.zip", "tiny"):
        with pytest.raises(InputError, match="cannot be reached"):
            fetch(model, place)


def test_processes_that_fetch_at_once_do_each_other_no_harm(models, address, cache):
    code = (
        "import sys; from cellsift.releases.fetch import model_folder as f; print(f(*sys.argv[1:]))"
    )
    calls = [("tiny@1.0.0", address)] * 2 + [(f"{address}/tiny-1.0.0.zip",)]
    calls += [("tiny@1.0.0", str(models)), (str(models / "tiny-1.0.0.zip"),)]
    running = [
        subprocess.Popen([sys.executable, "-c", code, *call], stdout=subprocess.PIPE, text=True)
        for call in calls
    ]
    said = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0] * len(calls)
    assert len(said) == 1
    assert len(list((cache / "releases").iterdir())) == 1
    assert not list((cache / "parts").iterdir())


def test_an_index_lists_names_and_their_newest_versions_first(models):
    tiny_release(models, name="another", version="0.1.0")
    entries = read_index(str(models))
    assert [(one.name, one.version) for one in entries] == [
        ("another", "0.1.0"),
        ("tiny", "1.10.0"),
        ("tiny", "1.9.0"),
        ("tiny", "1.0.0"),
    ]
    for entry in entries:
        assert file_sha256(models / entry.file) == entry.sha256
        assert (models / entry.file).stat().st_size == entry.size


def test_a_version_that_others_may_have_is_not_changed(models):
    before = {path: path.read_bytes() for path in models.iterdir() if path.is_file()}
    tiny_release(models, version="1.0.0", text="a")
    with pytest.raises(InputError, match=r"tiny 1\.0\.0 is there already.*another --version"):
        tiny_release(models, version="1.0.0", text="z")
    after = {path: path.read_bytes() for path in before}
    assert after == before


def test_an_unpacked_release_is_used_where_it_lies(models, cache):
    folder = fetch(models / "tiny-1.0.0.zip").folder
    moved = models / "unpacked"
    shutil.copytree(folder, moved)
    assert model_folder(moved) == moved / "models" / "arm"
    (moved / "card.md").write_text("another")
    with pytest.raises(InputError, match=r"card\.md"):
        model_folder(moved)


def test_a_cache_that_cannot_be_written_is_told(models, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="set XDG_CACHE_HOME"):
        fetch(models / "tiny-1.0.0.zip")


def test_a_release_tells_its_files(models):
    release = fetch("tiny", str(models)).release
    assert isinstance(release, Release)
    assert set(release.members) >= {"models/arm/model.json", "card.md"}
    assert release.size == sum(member.size for member in release.members.values())
