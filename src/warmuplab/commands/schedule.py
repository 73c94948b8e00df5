"""A schedule in the terminal and as a table in a file. Only the steps that are shown are computed."""

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from warmuplab.base.errors import ConfigError
from warmuplab.base.words import layers_label
from warmuplab.commands.hydra_command import hydra_command
from warmuplab.config.mapping import from_mapping
from warmuplab.population import parts
from warmuplab.schedules import RunSchedule, Schedule
from warmuplab.series.catalogue import LR, LR_ELSEWHERE

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
    parts.check(config.built_schedule.settings["warmup"]["layers"], config.model)
    show(config.built_schedule, out)


def _plain(composed: DictConfig) -> dict[str, Any]:
    return OmegaConf.to_container(composed, resolve=True)  # type: ignore[return-value]


def show(schedule: RunSchedule, out: str | None = None) -> None:
    """Print a run's schedule; with `out`, write every step of it to that file as `step,lr`.

    Where some weights do not follow the warmup, their rate is a second line and a second column, `lr/elsewhere`.
    Raises ConfigError for a file that cannot be written.
    """
    total, warmup = schedule.total_steps, schedule.warmup_steps
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without braille still shows the form
    print(heading(schedule.settings, warmup, total))
    lines = {LR: schedule.formula} | ({} if schedule.elsewhere is None else {LR_ELSEWHERE: schedule.elsewhere})
    print(plot(list(lines.values()), total, warmup))
    print(rows(lines, total, warmup))
    if out is not None:
        write_csv(lines, total, out)
        print(f"{total:,} steps written to {out}")


def heading(settings: Mapping[str, Any], warmup: int, total: int) -> str:
    """What the schedule is, in one line."""
    given = {key: value for key, value in settings["decay"].items() if key != "name" and value is not None}
    options = ", ".join(f"{key}={value}" for key, value in given.items())
    layers = layers_label(settings["warmup"]["layers"])
    rise = f"{settings['warmup']['shape']} warmup of {warmup:,}" if warmup else "no warmup"
    rise += f" ({layers})" if layers else ""
    return f"{settings['decay']['name']}{f' ({options})' if options else ''} over {total:,} steps; {rise}"


def plot(lines: Sequence[Schedule], total: int, warmup: int) -> str:
    """Learning rate over step, from 0 to the largest rate, in braille dots."""
    columns, height = 2 * WIDTH, 4 * HEIGHT
    steps = np.linspace(0, total - 1, columns * SAMPLES).round()
    steps = np.unique(np.append(steps, [warmup]))  # the peak
    rates_of_lines = [line(steps) for line in lines]
    top = max(rates.max() for rates in rates_of_lines)
    column_of = np.minimum(steps * columns // max(total - 1, 1), columns - 1).astype(int)
    cells = np.zeros((HEIGHT, WIDTH), int)
    for rates in rates_of_lines:
        _draw(cells, column_of, np.rint(rates / top * (height - 1)).astype(int))
    labels = {0: f"{top:.2e}", HEIGHT - 1: f"{0:.2e}"}
    drawn = [
        f"{labels.get(line, ''):>9} |" + "".join(chr(0x2800 + cell) if cell else " " for cell in row).rstrip()
        for line, row in enumerate(cells)
    ]
    return "\n".join([*drawn, f"{'':>9} +{'-' * WIDTH}", f"{'step':>9}  0{total - 1:>{WIDTH - 1},}"])


def _draw(cells: np.ndarray, column_of: np.ndarray, height_of: np.ndarray) -> None:
    """Add to `cells` an unbroken line that has these heights in these columns of dots."""
    before = height_of[0]
    for column in range(2 * WIDTH):
        heights = height_of[column_of == column]
        if heights.size:
            low, high = min(before, *heights), max(before, *heights)  # from the last one, so that the line is unbroken
            before = heights[-1]
            for height in range(low, high + 1):
                line = 4 * HEIGHT - 1 - height
                cells[line // 4, column // 2] |= DOTS[line % 4, column % 2]


def rows(lines: Mapping[str, Schedule], total: int, warmup: int) -> str:
    """The rates of the first and the last step, of the end of the warmup and of a few steps between."""
    steps = np.unique(np.append(np.linspace(0, total - 1, ROWS).round(), [warmup])).astype(int)
    marks = {warmup: "  end of the warmup"} if warmup else {}
    table = [f"{'step':>13}" + "".join(f"  {name:>12}" for name in lines)]
    rates_of_steps = zip(*(line(steps) for line in lines.values()), strict=True)
    table += [
        f"{step:>13,}" + "".join(f"  {rate:12.6e}" for rate in rates) + marks.get(step, "")
        for step, rates in zip(steps, rates_of_steps, strict=True)
    ]
    return "\n".join(table)


def write_csv(lines: Mapping[str, Schedule], total: int, path: str) -> None:
    """Write `step,lr` with a line per step; the rates are written in full (they read back to the same float64)."""
    try:
        with Path(path).open("w") as file:
            file.write(",".join(["step", *lines]) + "\n")
            for start in range(0, total, CHUNK):
                steps = range(start, min(start + CHUNK, total))
                rates = zip(*(line(np.array(steps)).tolist() for line in lines.values()), strict=True)
                file.writelines(
                    f"{step},{','.join(map(repr, each))}\n" for step, each in zip(steps, rates, strict=True)
                )
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ConfigError("out", path, problem, "give a file in a folder that exists") from None


def main() -> int:
    """The command, with the overrides of the command line."""
    hydra_command(show_run, "schedule_view", sweeps=False)()
    return 0
