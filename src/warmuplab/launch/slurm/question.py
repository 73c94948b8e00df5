"""What becomes of the jobs when the command that watches them ends: a person is asked, nobody else."""

import shlex
import sys
from collections.abc import Callable, Sequence

from warmuplab.base.files import say
from warmuplab.base.words import plural
from warmuplab.launch.slurm import states

ASKED = "Cancel them? They keep what they have trained. [y: cancel, any other key: leave them running] "


def ask(tasks: Sequence[tuple[int, int]], may_ask: bool, read: Callable[[str], str] = input) -> None:
    """Ask whether to cancel these `tasks`, each the job id of an array and an index.

    Without a terminal, or where nobody `may_ask`, they go on. Only they: other commands may have populations in the
    same arrays.
    """
    jobs = len(tasks)
    if not jobs:
        return
    there = f"{plural(jobs, 'job')} of this sweep {'is' if jobs == 1 else 'are'} with SLURM"
    if may_ask and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        say(f"{there}.")
        if _says_yes(read):
            refused = states.cancel(tasks)
            say(f"Not cancelled: {refused}." if refused else "Cancelled.")
            return
    command = shlex.join(["scancel", *states.named(tasks)])
    say(f"{there} and {'goes' if jobs == 1 else 'go'} on: the same command shows them again, `{command}` cancels them.")


def _says_yes(read: Callable[[str], str]) -> bool:
    try:
        return read(ASKED).strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):  # a second Ctrl-C
        return False
