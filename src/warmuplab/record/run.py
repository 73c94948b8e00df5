"""A run: its configuration, its name, its directory and how far its record is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmuplab.config.mapping import to_mapping
from warmuplab.config.schema import RunConfig
from warmuplab.record import verifying, weights
from warmuplab.record.directory import UNREADABLE, read_config


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
        return verifying.read_summary(self.directory)

    @property
    def has_other_probes(self) -> bool:
        """Whether the recorded run was measured otherwise than this configuration asks for."""
        try:
            recorded = read_config(self.directory)
        except UNREADABLE:  # a record without checksums may hold anything
            return False
        return bool(recorded.get("probes") != to_mapping(self.config)["probes"])

    @property
    def lacks_weights(self) -> bool:
        """Whether this configuration keeps weights and the recorded run has none, though it did not diverge."""
        finished = (self.summary or {}).get("status") == "finished"
        return self.config.keep_weights is True and finished and not weights.are_kept(self.directory)

    @property
    def is_complete(self) -> bool:
        """Whether there is a result that need not be trained again."""
        return verifying.is_complete(self.directory)

    @property
    def damage(self) -> str | None:
        """What is wrong with its record; None where there is none, or a whole one."""
        return verifying.problem_of(self.directory)
