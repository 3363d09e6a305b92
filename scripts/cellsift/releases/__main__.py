"""Trained models as files that travel: `python -m cellsift.releases COMMAND ...`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cellsift.errors import InputError, disk_trouble
from cellsift.releases.fetch import MODELS, fetch
from cellsift.releases.index import read_index

PROGRAM = "python -m cellsift.releases"
MODEL = f"path or address of a release, or NAME[@VERSION] in the index that {MODELS} names"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0, or 2 for what the user has to change."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        said = disk_trouble(error)
        if said is None:
            raise
        print(f"{error.filename}: {said}", file=sys.stderr)
        return 2
    return 0


def _pack(given: argparse.Namespace) -> None:
    # torch takes seconds to load, and listing needs none of it.
    from cellsift.releases.pack import pack
    from cellsift.releases.texts import read_texts

    texts = read_texts(given.card)
    entry = pack(given.results, given.arm, given.name, given.to, given.version, texts)
    print(
        f"{Path(given.to, entry.file)}: {entry.name} {entry.version}, {_size(entry.size)}, SHA-256 "
        f"{entry.sha256}\n"
        f"{given.to} now lists it: with {MODELS}={given.to}, or the address at which you publish "
        f"the folder, it is the model {entry.name}@{entry.version}"
    )


def _list(given: argparse.Namespace) -> None:
    place = given.models or os.environ.get(MODELS)
    if not place:
        raise InputError(f"which index? Give --models, or set {MODELS}, a folder or an address")
    entries = read_index(place)
    for entry in entries:
        print(f"{entry.name}@{entry.version}  {_size(entry.size)}  {entry.description}")
    if not entries:
        print(f"{place} lists no releases yet")


def _fetch(given: argparse.Namespace) -> None:
    found = fetch(given.model, given.models)
    release = found.release
    print(
        f"{release.name} {release.version}: {release.description}\n"
        f"checked, all {len(release.members)} files; the model is in {found.model}, its card is "
        f"{found.folder / 'card.md'}"
    )


def _check(given: argparse.Namespace) -> None:
    from cellsift.inference.trained_arm import load_arm
    from cellsift.releases.pack import PARITY
    from cellsift.releases.parity import check_parity

    found = fetch(given.model, given.models)
    difference = check_parity(load_arm(found.model), found.folder / PARITY)
    print(
        f"{found.release.name} {found.release.version}: all {len(found.release.members)} files are "
        f"as published, and on this machine its logits differ from those published by at most "
        f"{difference:.2g}"
    )


def _bioimageio(given: argparse.Namespace) -> None:
    from cellsift.releases.bioimageio import write_bioimageio

    path = write_bioimageio(fetch(given.model, given.models), given.out)
    print(f"{path} is a model package of bioimage.io; test it by `bioimageio test {path}`")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Trained models that travel.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    pack = _command(
        commands,
        "pack",
        _pack,
        "results/mine resnet_narrow --name cfos-2026 --to models",
        "write an arm of a finished run as one file, and list it in the folder's index",
    )
    pack.add_argument("results", help="the folder of results of a finished run")
    pack.add_argument("arm", help="name of the arm, or of an ensemble of arms")
    pack.add_argument("--name", required=True, help="what others call it, such as cfos-2026")
    pack.add_argument("--version", default="1.0.0", help="three numbers (%(default)s)")
    pack.add_argument("--to", default="models", help="folder of the releases (%(default)s)")
    pack.add_argument(
        "--card",
        help="YAML file with what no table knows: description, tissue, intended_use, limits, "
        "licence, citation, authors",
    )
    listed = _command(
        commands, "list", _list, "--models models", "show the releases that an index has"
    )
    _with_models(listed)
    fetched = _command(
        commands,
        "fetch",
        _fetch,
        "cfos-2026@1.0.0 --models https://models.example.org",
        "get a release, once, check its every byte, and say where the model is",
    )
    _with_model(fetched)
    checked = _command(
        commands,
        "check",
        _check,
        "models/cfos-2026-1.0.0.zip",
        "the same, and compare the logits of this machine with those published",
    )
    _with_model(checked)
    other = _command(
        commands,
        "bioimageio",
        _bioimageio,
        "cfos-2026 cfos-2026.bioimageio.zip",
        "write a release as a model package of bioimage.io",
    )
    _with_model(other)
    other.add_argument("out", help="the file to write, a .zip")
    return parser


def _command(
    commands: argparse._SubParsersAction,
    name: str,
    run: Callable[[argparse.Namespace], None],
    example: str,
    said: str,
) -> argparse.ArgumentParser:
    epilog = f"example: {PROGRAM} {name} {example}"
    parser = commands.add_parser(name, help=said, description=said, epilog=epilog)
    parser.set_defaults(run=run)
    return parser


def _with_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help=MODEL)
    _with_models(parser)


def _with_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", help=f"folder or address of an index (default: ${MODELS})")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
