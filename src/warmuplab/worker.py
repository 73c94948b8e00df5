"""A worker is a command: `python -m warmuplab.worker FILE` trains the population that a file lists.

The launcher starts as many of these as there are slots; anyone can start one by hand. With `--attended`, as the
launcher starts it, a worker ends when its standard input does: however the launcher ends, no worker goes on. It then
leaves it to the launcher to publish offline.
"""

import hashlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from warmuplab.base import interrupts
from warmuplab.base.arguments import usable_folder
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import check_folder, read_json, say, write_json
from warmuplab.base.memory import OutOfMemoryError, keep_freed_memory, says_out_of_memory
from warmuplab.config import compiling
from warmuplab.config.mapping import from_mapping, to_mapping
from warmuplab.config.schema import DataConfig, RunConfig
from warmuplab.data import tokens
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population import optimizers, parts
from warmuplab.record import leases, writing
from warmuplab.record.identity import identify, population_key
from warmuplab.record.leases import BusyError
from warmuplab.record.progress import Progress, Report
from warmuplab.record.run import Run
from warmuplab.tracking import settings as tracking
from warmuplab.tracking.publication import publication

ATTENDED = "--attended"
SECONDS_TO_SAVE = 10.0  # for a worker that is asked to end
CHECKPOINT = ".checkpoint"
CACHE = ".cache"  # of tokenized corpora and compiled code, beside the studies
OUT_OF_MEMORY = 3  # exit status of a worker whose population may fit when it is divided
BUSY = 4  # exit status of a worker that found a run of its population in other hands
PRINTED = "printed"  # in the file of a population that a dry run wrote, until a worker begins with it


@dataclass(frozen=True)
class PopulationFile:
    """A file that lists the complete configurations of the runs to train in lockstep."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def progress_path(self) -> Path:
        """Where the worker says how far it is: the fields of `record.progress.Progress`."""
        return self.path.with_suffix(".progress.json")

    @property
    def log_path(self) -> Path:
        """Where the launcher keeps what the worker prints."""
        return self.path.with_suffix(".log")

    def lists(self, runs: Sequence[Run]) -> bool:
        """Whether the file is there and lists `runs` with these very settings."""
        return bool(read_json(self.path) == json.loads(json.dumps(_listing(runs))))

    def begin(self, runs: Sequence[Run]) -> list[Run]:
        """`runs`, which it lists, as they train here; it says so from now on, so that they go on in the same way."""
        settled, content = decided(runs), read_json(self.path)
        if settled != runs or (isinstance(content, dict) and PRINTED in content):
            with suppress(OSError):  # they train all the same
                write_json(self.path, _listing(settled))
        return settled

    def forget(self) -> None:
        """Remove what its training kept. The file stays: a worker of another sweep may be about to read it."""
        with suppress(OSError):
            self.path.with_suffix(CHECKPOINT).unlink()

    def read(self) -> list[Run]:
        """The runs. Raises `ConfigError` for a file that cannot be read or lists what cannot train together."""
        content = read_json(self.path)
        mappings = content.get("runs") if isinstance(content, dict) else None
        if not isinstance(mappings, list) or not mappings or not all(isinstance(each, dict) for each in mappings):
            raise ConfigError("FILE", self.path, "not a population", "give a file that a sweep wrote")
        configs = [from_mapping(mapping) for mapping in mappings]
        if len({population_key(config) for config in configs}) > 1:
            raise ConfigError("FILE", self.path, "its runs differ in more than seed and schedule", "split the file")
        return [prepare(config) for config in configs]


def write_population(runs: Sequence[Run], *, printed: bool = False) -> PopulationFile:
    """The file for `runs`, under the folder of their study; its name says which runs they are.

    Where it is only `printed`, by a dry run, and was not there, a later sweep may pack its runs otherwise; one that a
    sweep wrote stays as it is, as a job may train by it. Raises `ConfigError` where it cannot be written.
    """
    config = runs[0].config
    file = PopulationFile(Path(config.outputs) / config.study / "populations" / f"{population_name(runs)}.json")
    with usable_outputs(config):
        check_folder(file.path.parent)
        there = read_json(file.path) if printed else None
        if not isinstance(there, dict) or PRINTED in there:
            write_json(file.path, ({PRINTED: True} if printed else {}) | _listing(runs))
    return file


def _listing(runs: Sequence[Run]) -> dict[str, Any]:
    return {"run_ids": [run.run_id for run in runs], "runs": [to_mapping(run.config) for run in runs]}


def population_name(runs: Sequence[Run]) -> str:
    """What a population is called: it says which runs it has, and in which order."""
    return hashlib.sha256(json.dumps([run.run_id for run in runs]).encode()).hexdigest()[:8]


def decided(runs: Sequence[Run]) -> list[Run]:
    """`runs`, which train in lockstep, with true or false for `hardware.compile=auto`; see `config.compiling.pays`."""
    config = runs[0].config
    if config.hardware.compile != "auto":
        return list(runs)
    from warmuplab.population.population import pick_device  # slow to import

    corpus = load_corpus(config)
    compiles = compiling.pays(
        pick_device(config.hardware.device).type,
        compiling.estimated_weights(config.model, corpus.vocabulary_size),
        config.training.batch_size * float((corpus.train.source_lengths_N + corpus.train.target_lengths_N).mean()),
        len(runs),
        config.training.steps,
        any(shutil.which(program) for program in (os.environ.get("CXX", "c++"), "g++", "clang++")),
    )
    hardware = replace(config.hardware, compile=compiles)
    return [replace(run, config=replace(run.config, hardware=hardware)) for run in runs]


def usable_outputs(config: RunConfig) -> AbstractContextManager[None]:
    """Turn what the file system refuses in the block, before any training, into a `ConfigError`."""
    return usable_folder("outputs", Path(config.outputs), "outputs=FOLDER")


def load_corpus(config: RunConfig) -> TokenizedCorpus:
    """The tokenized corpus of a run, cached beside the run directories."""
    return _corpus(json.dumps(asdict(config.data)), config.outputs)


@cache
def _corpus(data: str, outputs: str) -> TokenizedCorpus:
    return tokens.load(DataConfig(**json.loads(data)), Path(outputs) / CACHE)


def prepare(config: RunConfig) -> Run:
    """The run of `config`, named after its corpus.

    Raises `ConfigError` for what this machine or corpus cannot do, and where the study's folder cannot be written.
    """
    tracking.check(config.tracker)
    optimizers.check(config.optimizer)
    parts.check(config.built_schedule.settings["warmup"]["layers"], config.model)
    corpus = load_corpus(config)
    if config.training.batch_size > len(corpus.train):
        raise ConfigError(
            "training.batch_size",
            config.training.batch_size,
            f"the training split has {len(corpus.train)} sentences",
            f"use training.batch_size={len(corpus.train)} or less",
        )
    if config.hardware.device == "cuda":
        from warmuplab.population.population import pick_device  # slow to import

        pick_device("cuda")
    run = identify(config, corpus.fingerprint)
    check_place(config, run.directory.parent)
    return run


def check_place(config: RunConfig, folder: Path) -> None:
    """Raise `ConfigError` unless the run can write to `folder`, which need not be there yet."""
    with usable_outputs(config):
        check_folder(folder)


def train_population(runs: Sequence[Run], name: str, report: Report, *, in_a_sweep: bool = False) -> bool:
    """Train and publish `runs`; an exception is recorded in each run's directory. Returns whether all went well.

    Of several, those that are finished train with the others, so that the others come out as in an undisturbed
    training, and their records stay. How they are published `in_a_sweep` is said by `tracking.publication`. A run whose
    directory cannot be written fails alone. `record.writing.failure_of` says why a run failed. Raises
    `OutOfMemoryError` where the memory is too small for all of several runs, and `BusyError` where another process
    trains one of them: nothing is recorded of them then.
    """
    runs = decided(runs)
    left = unfinished(runs)
    try:
        with leases.held([run.directory for run in left]) as lease:
            return _train_owned(runs, left, name, report, lease, in_a_sweep=in_a_sweep)
    except OSError as error:  # no lease can be written where no record can
        for run in unfinished(left):
            writing.fail_with(run, error)
        return False


def unfinished(runs: Sequence[Run]) -> list[Run]:
    """Those of `runs` that are to be trained."""
    return [run for run in runs if run.config.overwrite or not run.is_complete]


def _train_owned(
    runs: Sequence[Run], owned: Sequence[Run], name: str, report: Report, lease: leases.Leases, *, in_a_sweep: bool
) -> bool:
    hardware = runs[0].config.hardware
    if hardware.compile:  # what one worker has compiled the others find there
        cache = Path(runs[0].config.outputs).resolve() / CACHE / "inductor"
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache))
    from warmuplab import recording
    from warmuplab.population import precision
    from warmuplab.population.keeper import Keeper

    precision.set_up(hardware)
    keep_freed_memory()
    left = unfinished(owned)  # another process may have finished one before the leases were had
    begun = [run for run in left if writing.attempt(run, partial(writing.begin, run))]
    if not begun:
        return not left
    with publication(begun, in_a_sweep=in_a_sweep) as follow:
        try:
            keeper = Keeper(
                checkpoint_path(runs[0].config, name), hardware.checkpoint_seconds, recording.identity(runs)
            )
            with interrupts.deferred():
                recording.train(runs, load_corpus(runs[0].config), name, report, follow, keeper, begun, lease)
        except (ConfigError, BusyError):
            raise
        except Exception as error:
            if says_out_of_memory(error) and len(runs) > 1:
                raise OutOfMemoryError(f"out of memory with {len(runs)} members") from None
            for run in begun:
                if not run.is_complete:
                    writing.fail_with(run, error)
    return not writing.failures(owned)


def checkpoint_path(config: RunConfig, name: str) -> Path:
    """Where the population of that name keeps what it has trained so far."""
    return Path(config.outputs) / config.study / "populations" / f"{name}{CHECKPOINT}"


def main(arguments: Sequence[str]) -> int:
    """Train the population in the file that `arguments` name; returns the exit status."""
    from warmuplab.config.messages import RunFailedError, one_line_errors

    files = [argument for argument in arguments if argument != ATTENDED]
    if len(files) != 1 or files[0].startswith("-"):
        print(f"error: {shlex.join(arguments) or 'nothing'}: type python -m warmuplab.worker FILE", file=sys.stderr)
        return 2
    attended = ATTENDED in arguments
    if attended:
        interrupts.end_with_standard_input(SECONDS_TO_SAVE)
    file = PopulationFile(Path(files[0]))
    with one_line_errors():
        runs = file.read()
        if not unfinished(runs):
            say(f"{file.name}: all runs are finished already; set overwrite to true in the file to train them again")
            return 0
        runs = file.begin(runs)

        def report(progress: Progress) -> None:
            for tell in (partial(progress.write, file.progress_path), partial(say, progress)):
                with suppress(OSError):  # a disk that is full now may have room when there are records to write
                    tell()

        try:
            well = train_population(runs, file.name, report, in_a_sweep=attended)
        except OutOfMemoryError as error:
            print(f"failed: {file.name}: {error}; divide the runs over two files", file=sys.stderr)
            return OUT_OF_MEMORY
        except BusyError as error:
            print(f"failed: {file.name}: {error.owner} trains a run of it", file=sys.stderr)
            return BUSY
        if not well:
            raise RunFailedError.of(writing.failures(runs), len(runs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
