"""From the command line to a run, and from any input error to one line on standard error and exit status 2."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException, ValidationError

from warmuplab import config as configuration
from warmuplab.errors import ConfigError
from warmuplab.progress import duration

CONFIG_FOLDER = Path(__file__).parents[2] / "conf"

KNOBS_HINT = "see `python scripts/train.py --help` for the knobs and their values"

Task = Callable[[DictConfig], None]


class RunFailedError(Exception):
    """A run ended in an error, which its directory tells in full."""


def hydra_command(task: Task, config_name: str = "config") -> Callable[[], None]:
    """A `main()` that composes `conf/<config_name>.yaml` with the command line and hands it to `task`."""

    def guarded(composed: DictConfig) -> None:
        with one_line_errors():  # in here as well: Hydra would print a line of its own before it passes an error on
            task(composed)

    def main() -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would otherwise print in 5 to 9 lines
        try:
            with one_line_errors():
                hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name=config_name)(guarded)()
        except ValueError as error:
            if "Config group override" not in str(error):  # what Hydra raises for model=3: a group's option is a name
                raise
            typed = next((a for a in sys.argv[1:] if (CONFIG_FOLDER / a.partition("=")[0]).is_dir()), "")
            print(f"error: {typed}: not the name of an option; {KNOBS_HINT}", file=sys.stderr)
            raise SystemExit(2) from None
        except RunFailedError as error:
            print(f"failed: {error}", file=sys.stderr)
            raise SystemExit(1) from None

    return main


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an error in the input into one line on standard error and exit status 2."""
    try:
        yield
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is not finished", file=sys.stderr)
        raise SystemExit(130) from None


def one_line(error: Exception) -> str:
    """What is wrong and what to type instead, in one line."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        group, _, option = error.missing_cfg_file.rpartition("/")
        return f"{group}={option}: no such option; choose one of {', '.join(error.options or ())}"
    if isinstance(error, OverrideParseException):
        problem = error.message.strip().partition("\n")[0]
        return f"{error.override}: {problem}; write key=value, with quotes around what is special to the shell"
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, ValidationError) and cause.full_key:
        problem = str(cause.msg).partition("\n")[0].replace("$", "")
        return f"{cause.full_key}={cause.value}: {problem}; {KNOBS_HINT}"
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return f"{cause.full_key}: no such key; {KNOBS_HINT}"
    return " ".join(str(error).split())


def train_one(composed: DictConfig) -> None:
    """Train the composed run in this process, unless it is finished."""
    from warmuplab import worker

    config = configuration.from_mapping(composed)
    run = worker.prepare(config)
    if run.is_complete and not config.overwrite:
        print(f"{run.directory}: {run.summary['status']} already; overwrite=true trains it again")  # type: ignore[index]
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
