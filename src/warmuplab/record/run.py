"""A run: its configuration, its name, its directory and how far its record is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from warmuplab.base.files import read_json
from warmuplab.config.keys import completed
from warmuplab.config.mapping import to_mapping
from warmuplab.config.schema import RunConfig
from warmuplab.record import weights

COMPLETE = ("finished", "diverged")  # states that are a result; a `failed` run is trained again


@dataclass(frozen=True)
class Run:
    """One run: its configuration and its name."""

    config: RunConfig
    run_id: str

    @property
    def directory(self) -> Path:
        """`<outputs>/<study>/<run_id>`."""
        return Path(self.config.outputs) / self.config.study / self.run_id

    @property
    def summary(self) -> dict[str, Any] | None:
        """What `summary.json` says, None where there is none."""
        return read_summary(self.directory)

    @property
    def has_other_probes(self) -> bool:
        """Whether the recorded run was measured otherwise than this configuration asks for."""
        try:
            recorded = OmegaConf.to_container(OmegaConf.load(self.directory / "config.yaml"))
        except (OSError, ValueError):
            return False
        if not isinstance(recorded, dict):
            return False
        return bool(completed(recorded).get("probes") != to_mapping(self.config)["probes"])

    @property
    def lacks_weights(self) -> bool:
        """Whether this configuration keeps weights and the recorded run has none, though it did not diverge."""
        finished = (self.summary or {}).get("status") == "finished"
        return self.config.keep_weights is True and finished and not weights.are_kept(self.directory)

    @property
    def is_complete(self) -> bool:
        """Whether there is a result that need not be trained again."""
        return (self.summary or {}).get("status") in COMPLETE


def read_summary(directory: Path) -> dict[str, Any] | None:
    """The `summary.json` of a run directory, None where there is none that can be read."""
    summary = read_json(directory / "summary.json")
    return summary if isinstance(summary, dict) else None
