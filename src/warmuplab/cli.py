"""From the command line to a run, and from any input error to one line on standard error and exit status 2."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from warmuplab import config as configuration
from warmuplab.command_errors import one_line
from warmuplab.progress import duration

CONFIG_FOLDER = Path(__file__).parents[2] / "conf"

NO_FLAGS = ("config_name", "config_path", "experimental_rerun")  # Hydra's, for other files of settings

Task = Callable[[DictConfig], None]


class RunFailedError(Exception):
    """A run ended in an error, which its directory tells in full."""


def hydra_command(task: Task, config_name: str = "config", *, sweeps: bool = True) -> Callable[[], None]:
    """A `main()` that composes `conf/<config_name>.yaml` with the command line and hands it to `task`.

    Without `sweeps`, a command line or a study file that asks for a sweep is refused.
    """

    def guarded(composed: DictConfig) -> None:
        with one_line_errors():  # in here as well: Hydra would print a line of its own before it passes an error on
            task(composed)

    guarded.sweeps = sweeps  # type: ignore[attr-defined]  # for the launcher, which trains without the task

    def main() -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would otherwise print in 5 to 9 lines
        with one_line_errors():
            check_flags()
            hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name=config_name)(guarded)()

    return main


def check_flags() -> None:
    """Raise `argparse.ArgumentError` for flags that there are not, where Hydra would print its whole usage."""
    parser = get_args_parser()
    parser.exit_on_error = parser.allow_abbrev = False
    flags, unknown = parser.parse_known_args()
    chosen = {name: getattr(flags, name) for name in NO_FLAGS}
    refused = [f"--{name.replace('_', '-')}={value}" for name, value in chosen.items() if value is not None]
    if unknown or refused:
        flag = [*unknown, *refused][0]
        raise argparse.ArgumentError(None, f"{flag}: no such flag here; see --help for what can be set, as key=value")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an error in the input into one line on standard error and exit status 2; a run's into status 1."""
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is not finished", file=sys.stderr)
        raise SystemExit(130) from None
    except RunFailedError as error:
        print(f"failed: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        said = one_line(error)
        if said is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        raise SystemExit(2) from None


def train_one(composed: DictConfig) -> None:
    """Train the composed run in this process, unless it is finished."""
    from warmuplab import worker

    config = configuration.from_mapping(composed)
    run = worker.prepare(config)
    if run.is_complete and not config.overwrite:
        status = (run.summary or {})["status"]
        measured = ", with other probes than these" if run.has_other_probes else ""
        print(f"{run.directory}: {status} already{measured}; overwrite=true trains it again")
        return
    print(f"{run.directory}")
    if not worker.train_population([run], run.run_id, lambda progress: print(progress, flush=True)):
        raise RunFailedError(f"{run.directory} ({(run.summary or {}).get('error')}; its error.txt has the traceback)")
    print(describe(run.summary or {}))


def describe(summary: dict[str, Any]) -> str:
    """A finished run in one line."""
    values = summary["values"]
    if summary["status"] == "diverged":
        return f"diverged at step {summary['diverged_at']}"
    spikes = "" if values["spike/count"] is None else f", spikes: {values['spike/count']}"
    return f"finished in {duration(summary['timings']['seconds'])}: held-out loss {values['val/loss']:.3f}{spikes}"
