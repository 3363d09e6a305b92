"""A copy of the workflow in a folder of its own, for whole runs on small brains."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from cellsift.results import LOCK

PARTS = ("workflow", "scripts", "config", "reports", "envs")
PROFILE = Path("workflow", "profiles", "slurm")
HEADER = "brain\trole\tsignal\tbackground\tvoxel_z\tvoxel_y\tvoxel_x\tcells\tnon_cells"
BRAINS = {"mouse_1": ("train", 1), "mouse_2": ("train", 2), "mouse_3": ("test", 3)}
CONFIG = {
    "device": "cpu",
    "brains_table": "brains.tsv",
    "arms": ["small"],
    "cuboid": {"shape": [12, 17, 17], "voxel_size": [5, 3, 3]},
    "detection": {"method": "dog", "soma_diameter": 14, "keep": {"recall": 0.8}},
    "training": {"folds": 2, "epochs": 3, "batch_size": 16},
    "explain": {"examples": 1},
}
ARM = {"architecture": "resnet", "options": {"depth": 18, "width": 4}}


class Checkout:
    """A copy of the workflow in a folder of its own, with three small brains."""

    def __init__(self, folder: Path, repository: Path):
        self.folder = folder
        for part in PARTS:
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(repository / part, folder / part, ignore=ignore)
        (folder / "slurm").symlink_to(PROFILE)
        self.rows = self.rows_of_brains()
        self.write_arm("small")
        self.write_config("small.yaml")
        self.write_table()

    @classmethod
    def copied(cls, source: Path, folder: Path) -> "Checkout":
        """A copy of a checkout, with its results and what Snakemake knows of them."""
        shutil.copytree(source, folder, symlinks=True)
        checkout = cls.__new__(cls)
        checkout.folder = folder
        checkout.rows = checkout.rows_of_brains()
        return checkout

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def full_log(self) -> str:
        """All that Snakemake has said of the latest run."""
        return max((self.folder / ".snakemake" / "log").glob("*.log")).read_text()

    @property
    def leftovers(self) -> list[Path]:
        """Hidden files in the results, as killed or failed writers may leave them."""
        # Snakemake notes the time of a folder in a file of its own; a run's lock stays.
        kept = (".snakemake_timestamp", LOCK)
        return [p for p in self.results.rglob(".*") if p.name not in kept]

    def row(self, name: str, role: str, cells: str = "", source: str = "") -> str:
        planes = [f"brains/{source or name}/{channel}" for channel in ("signal", "background")]
        return "\t".join([name, role, *planes, "5", "2", "2", cells, ""])

    def rows_of_brains(self) -> list[str]:
        return [
            self.row(name, role, f"brains/{name}/cells.csv") for name, (role, _) in BRAINS.items()
        ]

    def leave_out(self, brain: str) -> None:
        """Take a brain out of the table."""
        self.rows = [row for row in self.rows if not row.startswith(f"{brain}\t")]
        self.write_table()

    def write_table(self, *more: str) -> None:
        (self.folder / "brains.tsv").write_text("\n".join([HEADER, *self.rows, *more]) + "\n")

    def write_arm(self, name: str, **changes) -> None:
        path = self.folder / "config" / "arms" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(ARM | changes))

    def write_config(self, name: str, **changes) -> None:
        (self.folder / name).write_text(yaml.safe_dump(CONFIG | changes))

    def command(self, *arguments: str) -> list[str]:
        run = [sys.executable, "scripts/run.py", "--configfile", "small.yaml"]
        return [*run, "--rerun-incomplete", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "scripts")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of a run."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=1800)
        return process.returncode, output

    def planned(self, *arguments: str) -> list[tuple[str, str]]:
        """The jobs that a run would do: pairs of rule and wildcards."""
        code, output = self.run("--cores", "1", "--dry-run", *arguments)
        assert code == 0, output
        jobs, rule = [], None
        for line in output.splitlines():
            if line.startswith(("rule ", "localrule ")):
                rule = line.split()[1].rstrip(":")
                jobs.append((rule, ""))
            elif line.strip().startswith("wildcards:") and rule:
                jobs[-1] = (rule, line.split(":", 1)[1].strip())
        return jobs
