"""Pages: notebooks of reports/, executed and turned into HTML that needs nothing else."""

import tempfile
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import papermill
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbconvert import HTMLExporter
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file

REPORTS = Path(__file__).resolve().parents[3] / "reports"


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
    write_page(REPORTS / "index.ipynb", parameters, "cellsift: which classifier to trust", out)


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
    unless they lie in one store. Of the configuration only the names of the arms matter; without it
    the page shows every arm that has a model.
    """
    parameters = {
        "results": str(Path(results).resolve()),
        "brain": brain,
        "information": information,
        "configuration": configuration or {},
    }
    write_page(REPORTS / "brain.ipynb", parameters, f"cellsift: brain {brain}", out)


def write_page(notebook: Path, parameters: dict, title: str, out: str | Path) -> None:
    """Execute a notebook with these parameters and write it to `out` as HTML without code."""
    with tempfile.TemporaryDirectory(prefix="cellsift-") as scratch:
        executed = _execute(Path(notebook), parameters, Path(scratch))
    page = _convert(executed, title)
    with atomic_file(out) as beside:
        beside.write_text(page, encoding="utf-8")


class _InThisProcess(Engine):
    """Runs the cells of a notebook here, where what they load is loaded once, without a kernel.

    Nothing of the user's own Jupyter and IPython settings is read.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, *, scratch: Path, **others) -> None:
        shell = InteractiveShell(
            config=Config(HistoryManager={"enabled": False}),
            ipython_dir=str(scratch),
            user_module=ModuleType("page"),
        )
        for number, cell in enumerate(nb_man.nb.cells):
            nb_man.cell_start(cell, number)
            if cell.cell_type == "code" and not _run(cell, shell):
                nb_man.cell_exception(cell, number)
                return
            nb_man.cell_complete(cell, number)


papermill_engines.register(_InThisProcess.__name__, _InThisProcess)


def _run(cell: nbformat.NotebookNode, shell: InteractiveShell) -> bool:
    """Run a cell and give it its output; returns whether it went well."""
    # What a cell prints is no part of a page.
    with capture_output(display=False):
        ran = shell.run_cell(cell.source, store_history=True)
    cell.execution_count = ran.execution_count
    if error := ran.error_before_exec or ran.error_in_exec:
        output = nbformat.v4.new_output(
            "error",
            ename=type(error).__name__,
            evalue=str(error),
            traceback=traceback.format_exception(error),
        )
    elif ran.result is None:
        return True
    else:
        data, metadata = shell.display_formatter.format(ran.result)
        output = nbformat.v4.new_output(
            "execute_result", data, metadata=metadata, execution_count=ran.execution_count
        )
    cell.outputs = [output]
    return not error


def _execute(notebook: Path, parameters: dict, scratch: Path) -> nbformat.NotebookNode:
    try:
        return papermill.execute_notebook(
            notebook,
            None,
            parameters,
            engine_name=_InThisProcess.__name__,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            scratch=scratch,
        )
    except PapermillExecutionError as error:
        command = error.source.strip().splitlines()[-1]
        where = f"{notebook.name}, cell {error.exec_count} ({command})"
        if error.ename == InputError.__name__:
            raise InputError(f"{where}: {error.evalue}") from error
        raise PageError(f"{where}: {error.ename}: {error.evalue}") from error
    except FileNotFoundError as error:
        raise InputError(f"{notebook}: there is no such notebook; restore it") from error


def _convert(executed: nbformat.NotebookNode, title: str) -> str:
    exporter = HTMLExporter(
        template_name="page",
        extra_template_basedirs=[str(REPORTS)],
        exclude_input=True,
        exclude_anchor_links=True,
    )
    style = (REPORTS / "style.css").read_text(encoding="utf-8")
    page, _ = exporter.from_notebook_node(executed, {"title": title, "style": style})
    return page
