"""The learning-rate finder: a ramp of the rate trained with several seeds, and the peak rate that it suggests."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from warmuplab import config as configuration
from warmuplab import range_test
from warmuplab.config import RunConfig
from warmuplab.errors import ConfigError
from warmuplab.range_test import Reading, Spread

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from warmuplab.records import Run

FOLDER = "readings"  # beside the run directories
ROWS = {
    "jitter": "jitter sets in",
    "steepest_fall": "the loss falls fastest",
    "rise": "the loss begins to rise",
    "diverged": "the loss is not finite any more",
}
NO_JITTER = {
    "late": "The loss hardly ever rose: raise schedule.decay.end_lr.",
    "early": "The loss rose at many steps from the start: lower schedule.decay.start_lr, or raise training.steps.",
    "diverged": "The loss went off at once, without jitter before: stay well below the rate where it did.",
    "mixed": "Fewer than half of the seeds show it: try more seeds or more training.steps.",
}


@dataclass(frozen=True)
class Finding:
    """What the ramps of one network say."""

    name: str
    """Of the files: normalisation, optimizer and the population's own mark."""
    runs: "list[Run]"
    ramps: "list[pd.DataFrame]"
    """Per run `lr` and `loss`, a row per step."""
    readings: list[Reading]
    overrides: list[str]
    """As typed."""
    unigram_entropy: float

    def spread(self, mark: str) -> Spread:
        """A rate of the readings over the seeds."""
        return range_test.spread([getattr(reading, mark) for reading in self.readings])

    @property
    def suggested(self) -> float | None:
        """The peak learning rate to try: the median of where jitter sets in, in two digits."""
        median = self.spread("jitter").median
        return None if median is None else float(f"{median:.1e}")


def find_lr(composed: DictConfig) -> None:
    """Train the ramps that are not finished, read them, print the table and write the figure and the record."""
    configs = ramp_configs(composed)
    hydra = HydraConfig.get()
    from warmuplab import launching
    from warmuplab.cli import RunFailedError

    launcher: Mapping[str, Any] = hydra.launcher
    slots = launching.Slots(launcher.get("cluster", "local"), launcher.get("workers"), launcher.get("members"))
    runs = launching.launch(configs, slots)
    failed = launching.failures(runs)
    if failed:
        raise RunFailedError(failed[0])
    finding = read_runs(runs, list(hydra.overrides.task))
    show(finding)
    for path in write(finding):
        print(path)


def ramp_configs(composed: DictConfig) -> list[RunConfig]:
    """A run per seed. Raises `ConfigError` for what is no range test."""
    plain: dict[str, Any] = OmegaConf.to_container(composed, resolve=True)  # type: ignore[assignment]
    seeds = plain.pop("seeds")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ConfigError("seeds", seeds, "not a whole number of at least 1", "use seeds=5")
    first = configuration.from_mapping(plain)
    if first.schedule.decay.get("name") != "ramp":
        raise ConfigError("schedule", first.schedule.decay.get("name"), "not a ramp", "leave the schedule out")
    problem = "the finder reads the loss on the probe batch at every step"
    if not first.probes.enabled:
        raise ConfigError("probes.enabled", "false", problem, "use probes=loss")
    if first.probes.early_fraction < 1 and first.probes.every > 1:
        raise ConfigError("probes.early_fraction", first.probes.early_fraction, problem, "use probes=loss")
    return [configuration.from_mapping(plain | {"seed": first.seed + k}) for k in range(seeds)]


def read_runs(runs: "Sequence[Run]", overrides: list[str]) -> Finding:
    """Read finished ramps. Raises `ConfigError` for a record without the loss that is needed."""
    ramps = [_ramp(run) for run in runs]
    readings = [range_test.read(ramp["loss"], ramp["lr"]) for ramp in ramps]
    config = runs[0].config
    mark = hashlib.sha256(" ".join(run.run_id for run in runs).encode()).hexdigest()[:8]
    entropy = (runs[0].summary or {})["corpus"]["unigram_entropy"]
    return Finding(
        f"{config.model.norm}_ln-{config.optimizer.name}-{mark}", list(runs), ramps, readings, overrides, entropy
    )


def _ramp(run: "Run") -> "pd.DataFrame":
    import pandas as pd

    try:
        metrics = pd.read_parquet(run.directory / "metrics.parquet", columns=["lr", "probe/loss"])
    except (OSError, ValueError):
        metrics = None
    if metrics is None or metrics["probe/loss"].iloc[: (run.summary or {})["diverged_at"]].isna().any():
        problem = f"{run.directory} has no loss on the probe batch at every step"
        raise ConfigError("overwrite", str(run.config.overwrite).lower(), problem, "train it again with overwrite=true")
    return metrics.rename(columns={"probe/loss": "loss"})


def show(finding: Finding) -> None:
    """Print the table of rates and the suggestion."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print()
    console.print(table(finding))
    console.print("Definitions and sources: README, Find a peak rate.")
    console.print(suggestion(finding), soft_wrap=True)


def table(finding: Finding) -> "Table":
    """Every rate with its spread over the seeds, within 80 columns."""
    from rich import box
    from rich.table import Table

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


def suggestion(finding: Finding) -> str:
    """The suggested peak rate in a line, or why there is none."""
    over = finding.spread("jitter")
    if finding.suggested is None:
        return f"No peak rate suggested: {over.found} of {over.seeds} seeds began to jitter. {NO_JITTER[why(finding)]}"
    seeds = f"{over.found} of {over.seeds}" if over.found < over.seeds else f"{over.seeds}"
    spread = f"{over.low:.1e} to {over.high:.1e} over {seeds} seeds" if over.seeds > 1 else "one seed: no spread"
    return f"Suggested peak rate: schedule.peak_lr={finding.suggested:.1e} ({spread})"


def why(finding: Finding) -> str:
    """Why there is no onset, a key of `NO_JITTER`."""
    if finding.spread("jitter").found:
        return "mixed"
    if finding.spread("diverged").median is not None:
        return "diverged"
    rises = np.concatenate([np.diff(ramp["loss"].dropna()) > 0 for ramp in finding.ramps])
    return "early" if len(rises) and rises.mean() >= range_test.OFTEN else "late"


def write(finding: Finding) -> list[Path]:
    """Write the figure (PNG, SVG) and the record (JSON) to `<outputs>/<study>/readings/`; the files."""
    from warmuplab.environment import commit
    from warmuplab.files import write_json
    from warmuplab.find_lr_figure import draw

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
        "config": configuration.to_mapping(config),
        "commit": commit(),
    }
    json_path = path.with_name(f"{path.name}.json")
    write_json(json_path, record)
    return [*draw(finding, path), json_path]
