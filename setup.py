"""A wheel carries, inside the package, the workflow that lies beside it in a checkout."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = ("workflow", "config", "envs", "reports")


class WithWorkflow(build_py):
    """Build the package, then copy what `cellsift run` needs to `cellsift/shipped`."""

    def run(self):
        super().run()
        # An editable install finds all of it in the checkout.
        if self.editable_mode:
            return
        shipped = Path(self.build_lib, "cellsift", "shipped")
        shutil.rmtree(shipped, ignore_errors=True)
        for name in CARRIED:
            shutil.copytree(name, shipped / name, ignore=shutil.ignore_patterns("*.png", ".*"))
        (shipped / "scripts").mkdir()
        for adapter in Path("scripts").glob("*.py"):
            shutil.copy(adapter, shipped / "scripts")


setup(cmdclass={"build_py": WithWorkflow})
