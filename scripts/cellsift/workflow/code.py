"""Which code a job depends on: what its script reaches through imports, as a hash.

What only a job's log, the terminal and locks need, this room of the package, decides no number: it
never counts, nor does what it imports. So what a job shows while it works belongs here, and is
handed to those who work as an argument. Nor does the package's own module, which has the version.

Modules that are found by a name at run time, as architectures and detectors are, no import reaches:
who asks for a hash names them as well.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import grimp

from cellsift.settings.files import REPOSITORY

SCRIPTS = Path(__file__).parents[2]
ADAPTERS = REPOSITORY / "scripts"
ROOM = __package__
PACKAGE = ROOM.partition(".")[0]


@cache
def code_of(*roots: str) -> str:
    """Return a hash, 16 hex digits, of all modules of the package that `modules_of` names.

    Whatever is edited in one of them changes it, comments too. Adapters and notebooks themselves do
    not count: Snakemake looks at them.
    """
    digest = hashlib.sha256()
    for module in sorted(modules_of(*roots)):
        digest.update(module.encode() + b"\n" + _digest(module))
    return digest.hexdigest()[:16]


def modules_of(*roots: str) -> set[str]:
    """Return the names of all modules of the package that these roots import, directly or not.

    A root is an adapter's name ("train"), a module ("cellsift.models.classifiers.resnet"), which is
    among those returned, or the path of a notebook. Imports inside functions count, imports for
    type checking alone do not; of a module in a package, the package's own module counts as well.

    Raises ValueError for a name of neither.
    """
    # The package's own module holds the version alone: a release runs nothing again.
    return set().union(*map(_behind, roots)) - {PACKAGE}


@cache
def _imports() -> grimp.ImportGraph:
    """Who imports whom in the package, without this room."""
    # Quick enough, a tenth of a second, to need no cache on the user's disk.
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    for module in {ROOM, *graph.find_descendants(ROOM)}:
        graph.remove_module(module)
    # To import a module, Python runs the packages around it.
    for module in graph.modules - {PACKAGE}:
        graph.add_import(importer=module, imported=module.rpartition(".")[0])
    return graph


@cache
def _behind(root: str) -> set[str]:
    imports = _imports()
    first = {root} if root in imports.modules else _imported_by(root)
    return first.union(*map(imports.find_upstream_modules, first))


def _imported_by(root: str) -> set[str]:
    """The modules of the package that an adapter or a notebook imports itself."""
    is_notebook = root.endswith(".ipynb")
    path = Path(root) if is_notebook else ADAPTERS / f"{root}.py"
    try:
        content = path.read_bytes()
    except OSError:
        raise ValueError(f"{root!r} is no adapter, module or notebook") from None
    known, found = _imports().modules, set()
    for part in _cells(content) if is_notebook else [ast.parse(content)]:
        for name in _imported_names(part):
            # Of `from package import name`, the name may be a module or something in the package.
            found |= set([m for m in (name, name.rpartition(".")[0]) if m in known][:1])
    return found


def _cells(notebook: bytes) -> Iterator[ast.AST]:
    # A notebook that is broken, and a cell that is or is no plain Python, are the page's concern.
    with suppress(ValueError, KeyError, TypeError):
        for cell in json.loads(notebook)["cells"]:
            if cell["cell_type"] == "code":
                with suppress(SyntaxError):
                    yield ast.parse("".join(cell["source"]))


def _imported_names(part: ast.AST) -> Iterator[str]:
    for node in ast.walk(part):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _digest(module: str) -> bytes:
    path = SCRIPTS.joinpath(*module.split("."))
    package = path / "__init__.py"
    file = package if package.is_file() else path.with_name(f"{path.name}.py")
    return hashlib.sha256(file.read_bytes()).digest()
