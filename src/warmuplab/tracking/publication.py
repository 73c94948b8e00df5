"""What is published around a training: rows as it goes when online, complete records at its end when offline."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from warmuplab.base.together import do_together
from warmuplab.record.progress import Follow
from warmuplab.record.run import Run
from warmuplab.tracking.publishing import publish
from warmuplab.tracking.settings import mode_of, quiet_wandb
from warmuplab.tracking.stream import Stream


@contextmanager
def publication(runs: Sequence[Run], *, in_a_sweep: bool = False) -> Iterator[Follow | None]:
    """Around the training of `runs`, which share a tracker: whatever is complete at its end is published.

    Those of a worker `in_a_sweep` only where the tracker is online, and for some seconds: its launcher publishes what
    is offline, and says in the end what is not published.

    Gives what training calls with its new rows, None where they are not needed before the end. Nothing here makes
    training wait, and no failure of W&B gets out: it ends in a line on standard error per run directory.
    """
    mode = mode_of(runs[0].config.tracker)
    if mode == "online":
        with Stream(runs, in_a_sweep=in_a_sweep) as stream:
            yield stream.rows
        return
    yield None
    if mode == "offline" and not in_a_sweep:
        _publish_together([run.directory for run in runs if run.is_complete], mode)


def _publish_together(directories: Sequence[Path], mode: str) -> None:
    if len(directories) > 1:
        with suppress(Exception):  # each publication says why it fails
            quiet_wandb(mode)  # once, before several begin at the same time
    do_together([partial(publish, directory) for directory in directories])
