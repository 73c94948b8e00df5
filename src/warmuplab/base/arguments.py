"""The arguments of the commands that Hydra does not read; a wrong one ends in one line."""

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from warmuplab.base.errors import ConfigError, in_one_line
from warmuplab.base.files import check_way, reason

LONGEST_NAME = 100


class Parser(argparse.ArgumentParser):
    """A parser that answers wrong arguments with one line and exit status 2, without the usage above it."""

    def __init__(self, description: str | None) -> None:
        super().__init__(
            prog=called_as(), description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        """End with the line."""
        self.exit(2, f"error: {in_one_line(message)}; see `{called_as()} --help` for what can be typed\n")

    def add_study(self, places: str = "in results/ or in both") -> None:
        """The arguments of a command that reads what a study left: its name, and the folders in which that lies."""
        self.add_argument("study", help=f"its name: a folder in outputs/, {places}")
        self.add_argument(
            "--outputs", type=Path, default=Path("outputs"), help="folder of the studies' run directories"
        )
        self.add_argument("--results", type=Path, default=Path("results"), help="folder of the collected studies")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but with an error for `--option=--`, which it takes for no value at all: an empty list."""
        parsed = super().parse_args(args, namespace)
        for action in self._actions:
            if action.nargs is None and getattr(parsed, action.dest, None) == []:
                self.error(f"argument {'/'.join(action.option_strings) or action.dest}: -- is not a value")
        return parsed


def called_as(command: str | None = None) -> str:
    """How this command was typed, `python scripts/find_lr.py` or `warmuplab find-lr`; or how `command` would be so."""
    program = Path(sys.argv[0]).name
    if program.endswith(".py"):
        return f"python scripts/{command.replace('-', '_') + '.py' if command else program}"
    return f"warmuplab {command}" if command else program


def check_study(name: str) -> None:
    """Raise `ConfigError` unless `name` can be the name of a study: a plain folder name."""
    if re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII) and len(name) <= LONGEST_NAME:
        return
    shown = name if len(name) <= LONGEST_NAME else f"{name[:40]}..."
    remedy = f"use letters, digits, -, _ and ., at most {LONGEST_NAME}, as `ls conf/study outputs results` lists them"
    raise ConfigError("STUDY", shown, "not the name of a study", remedy)


@contextmanager
def usable_folder(field: str, folder: Path, instead: str | None = None) -> Iterator[None]:
    """Turn what the file system refuses in the block into a `ConfigError` about the `folder` that `field` names.

    `instead` is how another folder is typed, where that is not as an option. `folder` need not exist; a file in its
    place, or in that of a folder above it, is refused before the block.
    """
    try:
        check_way(folder)
        yield
    except OSError as error:
        if instead is None and field.startswith("--"):
            instead = f"{field} FOLDER"
        elsewhere = f", or name another folder ({instead})" if instead else ""
        remedy = f"make it a folder that can be read and written{elsewhere}"
        raise ConfigError(field, folder, reason(error, folder), remedy) from error
