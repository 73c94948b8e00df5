"""The upload of a study, in a process of its own: W&B goes on trying, also while its program ends, when all is lost."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from warmuplab.config.schema import TrackerConfig
from warmuplab.outcome.content import outcome_of
from warmuplab.outcome.view import write
from warmuplab.study import results
from warmuplab.study.results import Study

SECONDS = 600.0  # that an upload may take
SECONDS_TO_END = 10.0  # more, for the process to end by itself


class SendingError(Exception):
    """Why the server has not all of a study."""


def send(study: Study, folder: Path, tracker: TrackerConfig) -> None:
    """Upload the W&B run of `study`, written to `folder/wandb`. Raises `SendingError`; then nothing goes on with it."""
    told = [str(study.folder), str(folder), json.dumps(dataclasses.asdict(tracker)), str(SECONDS)]
    # Without the address of this program's service: it must have one of its own, which ends with it.
    alone = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    with subprocess.Popen(
        [sys.executable, "-m", "warmuplab.outcome.sending", *told],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=alone,
        start_new_session=True,  # Ctrl-C is for this program, which ends it
    ) as process:
        try:
            said, _ = process.communicate(timeout=SECONDS + SECONDS_TO_END)
        except BaseException as error:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise SendingError(f"not done after {SECONDS:g} s") from None
            raise
    if process.returncode:
        raise SendingError(said.decode(errors="replace") or f"the upload ended with status {process.returncode}")


def main(folder: str, place: str, tracker: str, seconds: str) -> int:
    """Upload the study in `folder`; what goes wrong is said on standard output."""
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a word that a library prints is no answer
    limit = threading.Timer(float(seconds), _give_up, (out, f"not done after {float(seconds):g} s"))
    limit.daemon = True
    limit.start()
    signal.signal(signal.SIGTERM, lambda *_: _give_up(out, "it was interrupted"))
    path = Path(folder)
    try:
        study = results.load(path.name, path.parent)
        write(outcome_of(study), Path(place), TrackerConfig(**json.loads(tracker)), "online")
    except Exception as error:
        _give_up(out, f"{type(error).__name__}: {error}")
    return 0


def _give_up(out: int, problem: str) -> NoReturn:
    """End at once: at an ordinary end W&B's service would try again and again, and it outlives this process."""
    from wandb.sdk import wandb_setup

    os.write(out, " ".join(problem.split()).encode())
    with suppress(AttributeError, OSError):  # W&B has no public way to end it unheard
        wandb_setup.singleton()._connection._proc._process.kill()  # type: ignore[union-attr]
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
