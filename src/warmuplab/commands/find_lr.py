"""The learning-rate finder: a ramp of the rate trained with several seeds, and the peak rate that it suggests."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import say
from warmuplab.commands.hydra_command import hydra_command
from warmuplab.config.mapping import from_mapping, to_mapping
from warmuplab.config.schema import RunConfig

if TYPE_CHECKING:
    from rich.table import Table

    from warmuplab.record.finding import Finding

FOLDER = "readings"  # beside the run directories
MOST_SEEDS = 100  # more are a mistyped number
NO_ONSET = {
    "late": "the loss hardly ever rose. Type schedule.decay.end_lr={higher:g}.",
    "early": "the loss rose at many steps from the start. Type schedule.decay.start_lr={lower:g}, or a slower ramp:"
    " training.steps={longer}.",
    "diverged": "the loss stopped being finite without jitter before. Stay well below the rate where it did.",
    "mixed": "{found} of {seeds} seeds began to jitter, fewer than half. Type seeds={more} or training.steps={longer}.",
    "last": "jitter sets in at {edge_lr:.1e}, where the search for it ends, or later. Type"
    " schedule.decay.end_lr={higher:g}, or a slower ramp: training.steps={longer}.",
    "last_fast": "jitter sets in at {edge_lr:.1e}, where the search for it ends, or later. Type a slower ramp:"
    " training.steps={longer}.",
    "last_finite": "jitter sets in at {edge_lr:.1e}, so close before the loss stopped being finite that the search ends"
    " there, or later. Type a slower ramp: training.steps={longer}.",
    "first": "jitter sets in at {edge_lr:.1e}, where the search for it begins, or earlier. Type"
    " schedule.decay.start_lr={lower:g}.",
}


def find_lr(composed: DictConfig) -> None:
    """Train the ramps that are not finished, read them, print the table and write the figure and the record."""
    configs = ramp_configs(composed)
    hydra = HydraConfig.get()
    from warmuplab.config.messages import RunFailedError
    from warmuplab.launch.launch import LauncherConfig, launch
    from warmuplab.launch.slurm.settings import Settings
    from warmuplab.record.finding import read_runs
    from warmuplab.record.writing import failures

    launcher: Mapping[str, Any] = hydra.launcher
    slots = LauncherConfig(
        launcher.get("cluster", "local"),
        launcher.get("workers"),
        launcher.get("members"),
        launcher.get("dry", False),
        Settings.of(launcher.get("slurm", {})),
    )
    runs = launch(configs, slots)
    failed = failures(runs)
    if failed:
        raise RunFailedError.of(failed, len(runs))
    finding = read_runs(runs, list(hydra.overrides.task))
    show(finding)
    for path in write(finding):
        say(path)


def ramp_configs(composed: DictConfig) -> list[RunConfig]:
    """A run per seed. Raises `ConfigError` for what is no range test."""
    plain: dict[str, Any] = OmegaConf.to_container(composed, resolve=True)  # type: ignore[assignment]
    seeds = plain.pop("seeds")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MOST_SEEDS:
        raise ConfigError("seeds", seeds, f"not a whole number from 1 to {MOST_SEEDS}", "use seeds=5")
    first = from_mapping(plain)
    if first.schedule.decay.get("name") != "ramp":
        raise ConfigError("schedule", first.schedule.decay.get("name"), "not a ramp", "leave the schedule out")
    problem = "the finder reads the loss on the probe batch at every step"
    if not first.probes.enabled:
        raise ConfigError("probes.enabled", "false", problem, "use probes=loss")
    if first.probes.early_fraction < 1 and first.probes.every > 1:
        raise ConfigError("probes.early_fraction", first.probes.early_fraction, problem, "use probes=loss")
    if first.data.order == "seed":
        raise ConfigError("data.order", "seed", "the seeds of the finder train in lockstep", "use data.order=common")
    return [from_mapping(plain | {"seed": first.seed + k}) for k in range(seeds)]


def show(finding: "Finding") -> None:
    """Print the table of rates and the suggestion."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print()
    console.print(table(finding))
    console.print("Definitions and sources: README, Find a peak rate.")
    console.print(suggestion(finding), soft_wrap=True)


def table(finding: "Finding") -> "Table":
    """Every rate with its spread over the seeds, within 80 columns."""
    from rich import box
    from rich.table import Table

    from warmuplab.record.finding import ROWS

    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column("learning rate at which")
    for heading in ("median", "smallest", "largest", "seeds"):
        rows.add_column(heading, justify="right")
    for mark, words in ROWS.items():
        over = finding.spread(mark)
        if mark == "diverged" and not over.found:
            continue
        rates = (over.median, over.low, over.high)
        rows.add_row(words, *("–" if r is None else f"{r:.1e}" for r in rates), f"{over.found} of {over.seeds}")
    return rows


def suggestion(finding: "Finding") -> str:
    """The suggested peak rate in a line, or why there is none."""
    over = finding.spread("jitter")
    if finding.suggested is None:
        return f"No peak rate suggested: {_no_onset(finding)}"
    seeds = f"{over.found} of {over.seeds}" if over.found < over.seeds else f"{over.seeds}"
    spread = f"{over.low:.1e} to {over.high:.1e} over {seeds} seeds" if over.seeds > 1 else "one seed: no spread"
    return f"Suggested peak rate: schedule.peak_lr={finding.suggested:.1e} ({spread})"


def _no_onset(finding: "Finding") -> str:
    """Why no rate is suggested, and what to type."""
    from warmuplab.record.finding import why

    config, over, reason = finding.runs[0].config, finding.spread("jitter"), why(finding)
    ends = [r.edge_lr for r in finding.readings if r.edge_lr is not None and r.edge == reason.partition("_")[0]]
    return NO_ONSET[reason].format(
        found=over.found,
        seeds=over.seeds,
        more=over.seeds + 4,
        lower=config.schedule.decay["start_lr"] / 10,
        higher=config.schedule.decay["end_lr"] * 10,
        longer=config.training.steps * 2,
        edge_lr=max(ends, default=math.nan),
    )


def write(finding: "Finding") -> list[Path]:
    """Write the figure (PNG, SVG) and the record (JSON) to `<outputs>/<study>/readings/`; the files."""
    from warmuplab.base.files import write_json
    from warmuplab.figures.lr_range import draw
    from warmuplab.record.environment import commit
    from warmuplab.record.finding import ROWS

    config = finding.runs[0].config
    path = Path(config.outputs) / config.study / FOLDER / finding.name
    record = {
        "suggested_peak_lr": finding.suggested,
        "rates": {mark: asdict(finding.spread(mark)) for mark in ROWS},
        "seeds": [
            {"seed": run.config.seed, "run": run.run_id} | asdict(reading)
            for run, reading in zip(finding.runs, finding.readings, strict=True)
        ],
        "overrides": finding.overrides,
        "config": to_mapping(config),
        "commit": commit(),
    }
    json_path = path.with_name(f"{path.name}.json")
    write_json(json_path, record)
    return [*draw(finding, path), json_path]


def main() -> int:
    """The command, with the overrides of the command line."""
    hydra_command(find_lr, "find_lr", sweeps=False)()
    return 0
