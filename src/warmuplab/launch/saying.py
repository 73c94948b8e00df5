"""What a sweep says before and after it trains: what was finished, damaged, recorded otherwise, not uploaded."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from warmuplab.base.words import plural
from warmuplab.config.rerun import again
from warmuplab.launch import recorded
from warmuplab.launch.queue import QueuedPopulation
from warmuplab.record import environment
from warmuplab.record.run import Run
from warmuplab.tracking.server import not_uploaded

Say = Callable[[str], None]


def aside(text: object) -> None:
    """On standard error: standard output has the job file alone."""
    print(text, file=sys.stderr)


def job_files(files: Mapping[Path, str]) -> None:
    """The text of a job file; of several the commands that submit them, as `sbatch` takes one array from a file."""
    if len(files) == 1:
        print("".join(files.values()), end="")
        return
    aside(f"{len(files)} job arrays, each with a file of its own. These commands submit them (pipe them into sh):")
    for path in files:
        print(shlex.join(["sbatch", str(path)]))


def what_is_not_uploaded(runs: list[Run], say: Say) -> None:
    """How many runs W&B lacks, and the command that sends them."""
    missing = not_uploaded(runs)
    if missing:
        command = again("sync", missing[0].config.study)
        which = f"{len(missing)} of {plural(len(runs), 'run')} not published to W&B yet"
        say(f"{which}: the records are unharmed, `{command}` uploads them.")


def what_is_damaged(to_train: list[Run], say: Say) -> None:
    """How many records are trained again because they are damaged, and the first of them."""
    damaged = [(run, problem) for run in to_train if (problem := run.damage) is not None and not run.config.overwrite]
    if damaged:
        run, problem = damaged[0]
        say(f"{plural(len(damaged), 'damaged record')}, trained again; the first is {run.directory} ({problem}).")


def what_is_recorded(begun: list[list[Run]], named: dict[str, Run], say: Say) -> None:
    """That populations which were begun keep the threads they began with."""
    threads = {
        members[0].config.hardware.threads
        for members in begun
        if members[0].config.hardware.threads != named[members[0].run_id].config.hardware.threads
    }
    if threads:
        told = ", ".join(map(str, sorted(threads)))
        say(f"What began with hardware.threads={told} goes on with it, as threads change the last digits.")


def what_stays_written(populations: Sequence[QueuedPopulation], say: Say) -> None:
    """That a dry run leaves the files of an earlier sweep as they are, and what that means."""
    other = [population for population in populations if recorded.has_other_settings(population)]
    if other:
        count, first = plural(len(other), "population"), other[0].file.path
        say(f"{count} of an earlier sweep with other settings, which its jobs may train by: {first} and so on stay.")
        say("The printed jobs train by them; the sweep itself, without dry, writes them anew.")


def what_is_left_out(runs: list[Run], to_train: list[Run], say: Say) -> None:
    """What was finished before, and what of it is other than asked: probes, weights, the commit."""
    trained = {run.run_id for run in to_train}
    skipped = [run for run in runs if run.run_id not in trained]
    if not skipped:
        return
    say(f"{plural(len(skipped), 'run')} of {len(runs)} finished before; overwrite=true trains such runs again.")
    otherwise = [run for run in skipped if run.has_other_probes]
    if otherwise:
        say(f"{plural(len(otherwise), 'run')} of them with other probes; overwrite=true trains and measures again.")
    bare = [run for run in skipped if run.lacks_weights]
    if bare:
        say(f"{plural(len(bare), 'run')} of them without weights; overwrite=true trains again and keeps them.")
    here = environment.commit()
    others = [
        run
        for run in skipped
        if (run.summary or {}).get("commit") != here["commit"] or (run.summary or {}).get("dirty")
    ]
    if others:
        say(f"{plural(len(others), 'run')} of them by another commit of the code, or with uncommitted changes in it.")
