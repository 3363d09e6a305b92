"""Files of releases from strangers: what leads elsewhere, or unpacks to more, is refused."""

import json
import stat
import zipfile
from pathlib import Path

import pytest
from fuzzing import FUZZ
from hypothesis import given
from hypothesis import strategies as st
from small_release import tiny_release

from cellsift.errors import InputError
from cellsift.releases.fetch import fetch
from cellsift.releases.manifest import MANIFEST, Release


@pytest.fixture
def whole(tmp_path) -> Path:
    return tmp_path / "models" / tiny_release(tmp_path / "models").file


def rewritten(whole: Path, more=(), changes=None, kept=lambda _: True, how=zipfile.ZIP_STORED):
    """Another zip with the content of a release, and entries (ZipInfo or name, content) more."""
    path = whole.with_name("odd.zip")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", how) as target:
        for name in source.namelist():
            if kept(name):
                content = source.read(name)
                if name == MANIFEST and changes:
                    content = changes(content)
                target.writestr(name, content)
        for entry, content in more:
            target.writestr(entry, content)
    return path


def refused(path: Path, cache: Path, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fetch(path)
    assert [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"] == []
    assert not list(cache.parent.parent.rglob("evil"))


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/evil",
        "models/../../../evil",
        "C:\\evil",
        "..\\evil",
        "models/arm/.evil",
        "evil",
    ],
)
def test_a_file_that_the_release_does_not_name_is_refused(whole, cache, name):
    refused(rewritten(whole, [(name, b"evil")]), cache, "is not named in its release.json")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../evil", "a//b", "..", "a/b/c/d/e", "é"])
def test_a_release_that_names_such_a_file_is_refused(whole, cache, name):
    def named(content: bytes) -> bytes:
        found = json.loads(content)
        found["members"][name] = found["members"]["card.md"]
        return json.dumps(found).encode()

    card = zipfile.ZipFile(whole).read("card.md")
    refused(rewritten(whole, [(name, card)], named), cache, r"release\.json is not that")


def test_a_link_is_refused(whole, cache):
    link = zipfile.ZipInfo("card.md")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    path = rewritten(whole, [(link, b"/etc/hostname")], kept=lambda name: name != "card.md")
    refused(path, cache, "is a folder or a link")


def test_what_unpacks_to_more_is_refused(whole, cache):
    refused(rewritten(whole, how=zipfile.ZIP_DEFLATED), cache, "is compressed")


def test_a_zip_of_something_else_is_refused(whole, cache, tmp_path):
    refused(rewritten(whole, kept=lambda name: name != MANIFEST), cache, "without a release.json")
    with zipfile.ZipFile(tmp_path / "table.zip", "w") as archive:
        archive.writestr("table.csv", "z,y,x")
    refused(tmp_path / "table.zip", cache, "without a release.json")
    (tmp_path / "text.zip").write_text("no zip")
    refused(tmp_path / "text.zip", cache, "no whole file of a release")


def test_a_file_that_is_missing_is_told(whole, cache):
    refused(rewritten(whole, kept=lambda name: name != "card.md"), cache, "'card.md' is missing")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(whole, cache):
    refused(rewritten(whole, [("card.md", b"other")]), cache, "'card.md' twice")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "cellsift release 9"},
        {"name": "../evil"},
        {"version": "1"},
        {"version": 1},
        {"arm": "../../evil"},
        {"arm": "other"},
        {"description": "two\nlines"},
        {"description": "\x1b[31mred"},
        {"description": "a" * 301},
        {"description": None},
        {"members": []},
        {"members": {}},
        {"members": {"models/arm/model.json": {"sha256": "0", "size": 1}}},
        {"members": {"models/arm/model.json": {"sha256": "0" * 64, "size": -1}}},
        {"members": {"models/arm/model.json": {"sha256": "0" * 64, "size": True}}},
        {"further": 1},
    ],
)
def test_a_manifest_that_is_none_is_refused(whole, cache, change):
    path = rewritten(
        whole, changes=lambda content: json.dumps(json.loads(content) | change).encode()
    )
    refused(path, cache, r"release\.json is not that of a release")


@FUZZ
@given(st.data())
def test_a_garbled_manifest_is_refused_in_words(data):
    release = Release("tiny", "1.0.0", "arm", "a", {})
    content = bytearray(release.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with pytest.raises(InputError, match="get the file anew"):
        Release.from_bytes(bytes(content), "tiny-1.0.0.zip")


@FUZZ
@given(st.data())
def test_a_garbled_file_is_refused_in_words_or_is_the_same_model(tmp_path, data):
    """What zip itself does not look at, such as times, may differ."""
    whole = tmp_path / "models" / tiny_release(tmp_path / "models").file
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    garbled = tmp_path / "garbled.zip"
    garbled.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = fetch(garbled)
    except InputError:
        return
    assert (found.model / "fold-0.safetensors").read_text() == "a" * 1000


def test_a_file_of_other_content_is_refused_though_the_zip_is_whole(whole, cache):
    path = rewritten(whole, [("card.md", b"# evil")], kept=lambda name: name != "card.md")
    refused(path, cache, r"card\.md has another checksum")
