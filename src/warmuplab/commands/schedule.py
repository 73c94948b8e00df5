"""A schedule in the terminal and as a table in a file. Only the steps that are shown are computed."""

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from warmuplab.base.errors import ConfigError
from warmuplab.commands.hydra_command import hydra_command
from warmuplab.config.mapping import from_mapping
from warmuplab.schedules import RunSchedule, Schedule

WIDTH, HEIGHT = 72, 12  # characters; each holds 2 x 4 dots of braille
SAMPLES = 16  # steps computed per dot column
ROWS = 9
CHUNK = 100_000  # lines written at once
MOST_STEPS = 2**53
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # bits of a braille character, row by column


def show_run(composed: DictConfig) -> None:
    """`show` what `train.py` would train. Raises as `config.mapping.from_mapping` and `show` do."""
    steps = OmegaConf.select(composed, "training.steps")
    if isinstance(steps, int) and steps > MOST_STEPS:
        problem = "too many steps to tell one from the next in float64"
        raise ConfigError("training.steps", steps, problem, f"use at most training.steps={MOST_STEPS}")
    out = composed.get("out")
    if out is not None and not isinstance(out, str):
        raise ConfigError("out", out, "not a file name", "use +out=schedule.csv")
    config = from_mapping({key: value for key, value in _plain(composed).items() if key != "out"})
    show(config.built_schedule, out)


def _plain(composed: DictConfig) -> dict[str, Any]:
    return OmegaConf.to_container(composed, resolve=True)  # type: ignore[return-value]


def show(schedule: RunSchedule, out: str | None = None) -> None:
    """Print a run's schedule; with `out`, write every step of it to that file as `step,lr`.

    Raises ConfigError for a file that cannot be written.
    """
    total, warmup = schedule.total_steps, schedule.warmup_steps
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without braille still shows the form
    print(heading(schedule.settings, warmup, total))
    print(plot(schedule, total, warmup))
    print(rows(schedule, total, warmup))
    if out is not None:
        write_csv(schedule, total, out)
        print(f"{total:,} steps written to {out}")


def heading(settings: Mapping[str, Any], warmup: int, total: int) -> str:
    """What the schedule is, in one line."""
    given = {key: value for key, value in settings["decay"].items() if key != "name" and value is not None}
    options = ", ".join(f"{key}={value}" for key, value in given.items())
    rise = f"{settings['warmup']['shape']} warmup of {warmup:,}" if warmup else "no warmup"
    return f"{settings['decay']['name']}{f' ({options})' if options else ''} over {total:,} steps; {rise}"


def plot(schedule: Schedule, total: int, warmup: int) -> str:
    """Learning rate over step, from 0 to the largest rate, in braille dots."""
    columns, lines = 2 * WIDTH, 4 * HEIGHT
    steps = np.linspace(0, total - 1, columns * SAMPLES).round()
    steps = np.unique(np.append(steps, [warmup]))  # the peak
    rates = schedule(steps)
    top = rates.max()
    column_of = np.minimum(steps * columns // max(total - 1, 1), columns - 1).astype(int)
    height_of = np.rint(rates / top * (lines - 1)).astype(int)
    cells = np.zeros((HEIGHT, WIDTH), int)
    before = height_of[0]
    for column in range(columns):
        heights = height_of[column_of == column]
        if heights.size:
            low, high = min(before, *heights), max(before, *heights)  # from the last one, so that the line is unbroken
            before = heights[-1]
            for height in range(low, high + 1):
                line = lines - 1 - height
                cells[line // 4, column // 2] |= DOTS[line % 4, column % 2]
    labels = {0: f"{top:.2e}", HEIGHT - 1: f"{0:.2e}"}
    drawn = [
        f"{labels.get(line, ''):>9} |" + "".join(chr(0x2800 + cell) if cell else " " for cell in row).rstrip()
        for line, row in enumerate(cells)
    ]
    return "\n".join([*drawn, f"{'':>9} +{'-' * WIDTH}", f"{'step':>9}  0{total - 1:>{WIDTH - 1},}"])


def rows(schedule: Schedule, total: int, warmup: int) -> str:
    """The rates of the first and the last step, of the end of the warmup and of a few steps between."""
    steps = np.unique(np.append(np.linspace(0, total - 1, ROWS).round(), [warmup])).astype(int)
    marks = {warmup: "  end of the warmup"} if warmup else {}
    table = [f"{'step':>13}  {'lr':>12}"]
    table += [
        f"{step:>13,}  {rate:12.6e}{marks.get(step, '')}" for step, rate in zip(steps, schedule(steps), strict=True)
    ]
    return "\n".join(table)


def write_csv(schedule: Schedule, total: int, path: str) -> None:
    """Write `step,lr` with a line per step; the rates are written in full (they read back to the same float64)."""
    try:
        with Path(path).open("w") as file:
            file.write("step,lr\n")
            for start in range(0, total, CHUNK):
                steps = range(start, min(start + CHUNK, total))
                rates = schedule(np.array(steps)).tolist()
                file.writelines(f"{step},{rate!r}\n" for step, rate in zip(steps, rates, strict=True))
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ConfigError("out", path, problem, "give a file in a folder that exists") from None


def main() -> int:
    """The command, with the overrides of the command line."""
    hydra_command(show_run, "schedule_view", sweeps=False)()
    return 0
