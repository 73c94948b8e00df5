"""Puts `conf/`, which stands at the top of the repository, into the wheel; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfiguration(build_py):  # type: ignore[misc]  # setuptools has no types
    """Copies `conf/` beside the modules, where `warmuplab.config.compose` finds it when there is no checkout."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shipped = Path(self.build_lib) / "warmuplab" / "conf"
            shutil.rmtree(shipped, ignore_errors=True)  # of an earlier build, with files that are gone since
            shutil.copytree("conf", shipped)


setup(cmdclass={"build_py": BuildWithConfiguration})
