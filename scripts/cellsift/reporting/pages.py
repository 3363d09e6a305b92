"""Pages: notebooks of reports/, executed and turned into HTML that needs nothing else."""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbconvert import HTMLExporter
from traitlets import Type
from traitlets.config import Config

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.settings.draft import MEANING, is_draft
from cellsift.settings.files import REPORTS


class PageError(Exception):
    """A page could not be made; the message names the notebook and the cell."""


def write_index(
    results: str | Path,
    configuration: dict,
    out: str | Path,
    roles: Mapping[str, str] | None = None,
    arms: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Write the index page of a results folder to `out`, whole or not at all.

    `configuration` is the completed config of the run, `roles` the role of each of its
    brains (by default, of all that preflight has looked at, train or test for evaluated ones and
    predict for others), `arms` what each arm is (name, architecture, options, recipe, description,
    as `settings.arms.Arm.to_dict` gives it). Raises InputError where a table is missing or broken,
    PageError where a cell of the notebook fails otherwise.
    """
    parameters = {
        "results": str(Path(results).resolve()),
        "configuration": configuration,
        "roles": dict(roles or {}),
        "recipes": {arm["name"]: dict(arm) for arm in arms},
    }
    title, draft = "cellsift: which classifier to trust", is_draft(configuration)
    write_page(REPORTS / "index.ipynb", parameters, title, out, draft=draft)


def write_brain(
    results: str | Path,
    brain: str,
    information: dict,
    out: str | Path,
    configuration: dict | None = None,
) -> None:
    """Write the page of a brain to `out`, whole or not at all; raises as `write_index`.

    `information` holds the brain's `role` and, where it is annotated, the paths of its annotation,
    `cells` and `non_cells`, as in the brains table, and the paths of its cuboid stores, `cuboids`,
    unless they lie in one store. Of the configuration the names of the arms matter, and whether it
    is that of a draft; without it the page shows every arm that has a model.
    """
    parameters = {
        "results": str(Path(results).resolve()),
        "brain": brain,
        "information": information,
        "configuration": configuration or {},
    }
    title, draft = f"cellsift: brain {brain}", is_draft(configuration or {})
    write_page(REPORTS / "brain.ipynb", parameters, title, out, draft=draft)


def write_page(
    notebook: Path, parameters: dict, title: str, out: str | Path, *, draft: bool = False
) -> None:
    """Execute a notebook with these parameters and write it to `out` as HTML without code.

    The page of a `draft` says first of all that it is one.
    """
    with tempfile.TemporaryDirectory(prefix="cellsift-") as scratch:
        executed = _execute(Path(notebook), parameters, Path(scratch))
    page = _convert(executed, title, MEANING if draft else "")
    with atomic_file(out) as beside:
        beside.write_text(page, encoding="utf-8")


class _ValueOfCell(DisplayHook):
    """Keeps the last value of a cell with what it displays, in place of printing it."""

    def write_output_prompt(self) -> None:
        """Print nothing."""

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        """Keep the value."""
        assert isinstance(self.shell, _Shell)
        self.shell.shown.append({"data": format_dict, "metadata": md_dict})

    def finish_displayhook(self) -> None:
        """Print nothing."""
        self._is_active = False


class _Shell(InteractiveShell):
    """IPython with the libraries of this process alone, which keeps what cells show in `shown`."""

    shown: list[dict[str, Any]]
    displayhook_class = Type(_ValueOfCell)

    def init_virtualenv(self) -> None:
        """Take nothing from a virtual environment that happens to be active."""

    def init_display_pub(self) -> None:
        """Keep what a cell displays, in place of printing it."""
        self.shown = []
        self.display_pub = CapturingDisplayPublisher()
        self.display_pub.outputs = self.shown


@contextmanager
def _own_shell(scratch: Path) -> Iterator[_Shell]:
    """A shell that reads nothing of the user's own Jupyter and IPython settings."""
    options = {
        "config": Config(HistoryManager={"enabled": False}),
        "ipython_dir": str(scratch),
        "user_module": ModuleType("page"),
    }
    if InteractiveShell.initialized():
        yield _Shell(**options)
        return
    # `display` looks for the shell of the process.
    try:
        yield _Shell.instance(**options)
    finally:
        _Shell.clear_instance()


def _execute(notebook: Path, parameters: dict, scratch: Path) -> nbformat.NotebookNode:
    """Run the cells of a notebook here, where libraries are loaded once; returns it with outputs.

    What cells print goes to the log.
    """
    try:
        executed = nbformat.read(notebook, as_version=4)
    except FileNotFoundError as error:
        raise InputError(f"{notebook}: there is no such notebook; restore it") from error
    # Loaded with the cells' other libraries; a cell that draws must not open a window.
    import matplotlib

    matplotlib.use("agg")
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    with _own_shell(scratch) as shell:
        shell.push(parameters)
        for number, cell in enumerate(cells, 1):
            try:
                cell.outputs = _run(cell.source, shell)
            except (Exception, SystemExit) as error:
                command = cell.source.strip().splitlines()[-1]
                where = f"{notebook.name}, cell {number} ({command})"
                if isinstance(error, InputError):
                    raise InputError(f"{where}: {error}") from error
                raise PageError(f"{where}: {type(error).__name__}: {error}") from error
            if "parameters" in cell.metadata.get("tags", []):
                # It has set their defaults.
                shell.push(parameters)
    return executed


def _run(source: str, shell: _Shell) -> list[nbformat.NotebookNode]:
    """What a cell shows: what it displays, and its last value. Raises what the cell raises."""
    shell.shown.clear()
    # A traceback comes with the error.
    with capture_output(display=False) as printed:
        ran = shell.run_cell(source)
    ran.raise_error()
    print(printed.stdout, end="")
    print(printed.stderr, end="", file=sys.stderr)
    return [
        nbformat.v4.new_output("display_data", shown["data"], metadata=shown["metadata"] or {})
        for shown in shell.shown
    ]


def _convert(executed: nbformat.NotebookNode, title: str, warning: str) -> str:
    exporter = HTMLExporter(
        template_name="page",
        extra_template_basedirs=[str(REPORTS)],
        exclude_input=True,
        exclude_anchor_links=True,
    )
    style = (REPORTS / "style.css").read_text(encoding="utf-8")
    resources = {"title": title, "style": style, "warning": warning}
    page, _ = exporter.from_notebook_node(executed, resources)
    return page
