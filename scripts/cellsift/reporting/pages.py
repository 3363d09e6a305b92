"""Pages: notebooks of reports/, executed and turned into HTML that needs nothing else."""

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file

PACKAGE = Path(__file__).resolve().parents[1]
REPORTS = PACKAGE.parents[1] / "reports"

# A socket's path may not be longer than this on any system.
LONGEST_SOCKET_PATH = 90


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


class _OwnKernelManager(AsyncKernelManager):
    """Starts the running interpreter as kernel, whatever kernels are installed.

    Nothing of the user's own Jupyter and IPython settings is read, and the kernel listens on files
    of the scratch folder, not on ports that another job might take.
    """

    scratch: Path

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.connection_file = str(self.scratch / "kernel.json")
        if os.name == "posix" and len(self.connection_file) < LONGEST_SOCKET_PATH:
            self.transport = "ipc"
            self.ip = str(self.scratch / "kernel")

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="this interpreter", language="python")

    # jupyter_client gives this coroutine the type of the blocking function that it comes from.
    async def start_kernel(self, **keywords) -> None:  # type: ignore[override]
        found = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
        keywords["env"] = os.environ | {
            "PYTHONPATH": os.pathsep.join(part for part in found if part),
            "IPYTHONDIR": str(self.scratch),
            "JUPYTER_RUNTIME_DIR": str(self.scratch),
            "MPLBACKEND": "agg",
        }
        await super().start_kernel(**keywords)


def _execute(notebook: Path, parameters: dict, scratch: Path) -> nbformat.NotebookNode:
    manager = type("KernelManager", (_OwnKernelManager,), {"scratch": scratch})
    try:
        return papermill.execute_notebook(
            notebook,
            scratch / notebook.name,
            parameters,
            kernel_name="python3",
            language="python",
            kernel_manager_class=manager,
            cwd=Path.cwd(),
            progress_bar=False,
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
