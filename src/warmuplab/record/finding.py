"""What the ramps of the learning-rate finder say of one network, read from their records."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from warmuplab.base.errors import ConfigError
from warmuplab.record.run import Run
from warmuplab.series import lr_range
from warmuplab.series.lr_range import Reading, Spread

ROWS = {
    "jitter": "jitter sets in",
    "steepest_fall": "the loss falls fastest",
    "rise": "the loss begins to rise",
    "diverged": "the loss is not finite any more",
}


@dataclass(frozen=True)
class Finding:
    """What the ramps of one network say."""

    name: str
    """Of the files: normalisation, optimizer and the population's own mark."""
    runs: list[Run]
    ramps: list[pd.DataFrame]
    """Per run `lr` and `loss`, a row per step."""
    readings: list[Reading]
    overrides: list[str]
    """As typed."""
    unigram_entropy: float

    def spread(self, mark: str) -> Spread:
        """A rate of the readings over the seeds."""
        lower = sum(reading.edge == "first" for reading in self.readings) if mark == "jitter" else 0
        return lr_range.spread([getattr(reading, mark) for reading in self.readings], lower)

    @property
    def suggested(self) -> float | None:
        """The peak learning rate to try: the median of where jitter sets in, in two digits."""
        median = self.spread("jitter").median
        return None if median is None else float(f"{median:.1e}")


def read_runs(runs: Sequence[Run], overrides: list[str]) -> Finding:
    """Read finished ramps. Raises `ConfigError` for a record without the loss that is needed."""
    ramps = [_ramp(run) for run in runs]
    readings = [lr_range.read(ramp["loss"], ramp["lr"]) for ramp in ramps]
    config = runs[0].config
    mark = hashlib.sha256(" ".join(run.run_id for run in runs).encode()).hexdigest()[:8]
    entropy = (runs[0].summary or {})["corpus"]["unigram_entropy"]
    return Finding(
        f"{config.model.norm}_ln-{config.optimizer.name}-{mark}", list(runs), ramps, readings, overrides, entropy
    )


def _ramp(run: Run) -> pd.DataFrame:
    try:
        metrics = pd.read_parquet(run.directory / "metrics.parquet", columns=["lr", "probe/loss"])
    except (OSError, ValueError):
        metrics = None
    if metrics is None or metrics["probe/loss"].iloc[: (run.summary or {})["diverged_at"]].isna().any():
        problem = f"{run.directory} has no loss on the probe batch at every step"
        raise ConfigError("overwrite", str(run.config.overwrite).lower(), problem, "train it again with overwrite=true")
    return metrics.rename(columns={"probe/loss": "loss"})


def why(finding: Finding) -> str:
    """Why there is no onset: `mixed`, `diverged`, `early` or `late`, or where the likeliest ones are.

    `first` and `last` are the ends of the search. Where a higher end of the ramp would not help, `last` is
    `last_finite` if the loss stopped being finite soon after, and `last_fast` if the search ends below a tenth of the
    ramp's end, so that the steps that jitter must last are more than a decade.
    """
    at_first, at_last = ([reading for reading in finding.readings if reading.edge == end] for end in ("first", "last"))
    if len(at_first) > len(at_last):
        return "first"
    if at_last:
        if all(reading.diverged is not None for reading in at_last):
            return "last_finite"
        end_lr = finding.runs[0].config.schedule.decay["end_lr"]
        return "last_fast" if all((reading.edge_lr or 0) < end_lr / 10 for reading in at_last) else "last"
    if finding.spread("jitter").found:
        return "mixed"
    if finding.spread("diverged").median is not None:
        return "diverged"
    rises = np.concatenate([np.diff(ramp["loss"].dropna()) > 0 for ramp in finding.ramps])
    return "early" if len(rises) and rises.mean() >= lr_range.OFTEN else "late"
