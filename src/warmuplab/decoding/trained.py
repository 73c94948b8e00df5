"""The network of a finished run, read back from its directory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from warmuplab.base.errors import ConfigError
from warmuplab.config.mapping import from_mapping
from warmuplab.config.schema import RunConfig
from warmuplab.data import tokens
from warmuplab.data.batches import Batch
from warmuplab.population import precision
from warmuplab.population.population import pick_device
from warmuplab.population.transformer import Transformer
from warmuplab.record import weights
from warmuplab.record.directory import UNREADABLE, read_config
from warmuplab.record.verifying import problem_of_summary, read_summary

TRAIN_AGAIN = "train it again with keep_weights=true overwrite=true"


@dataclass(frozen=True)
class TrainedRun:
    """The network, the tokenizer and the record of one run."""

    directory: Path
    config: RunConfig
    summary: dict[str, Any]
    model: Transformer
    weights_1xP: torch.Tensor
    """On the device, in the precision of the training."""
    tokenizer: Any

    @property
    def device(self) -> torch.device:
        return self.weights_1xP.device

    @torch.no_grad()
    def losses(self, batch: Batch) -> torch.Tensor:
        """Loss on `batch`, `(1,)` in nats per token."""
        return self.model.losses(self.weights_1xP, batch)

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of source sentences, each with its end marker."""
        return [[*encoding.ids, tokens.END] for encoding in self.tokenizer.encode_batch(list(sentences))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids in one line, white space collapsed as in the corpus."""
        return " ".join(self.tokenizer.decode(list(ids)).split())

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence that training could see, end marker included."""
        return self.config.data.max_length


def load(directory: Path) -> TrainedRun:
    """The run in `directory`, on the GPU where there is one and the run is not one of the CPU.

    Sets the process up for its precision. Raises `ConfigError` where the run has no weights that can be used.
    """
    summary = _summary(directory)
    config = _config(directory)
    if not weights.are_kept(directory):
        raise ConfigError("RUN", directory, "its weights were not kept", TRAIN_AGAIN)
    try:
        kept = weights.read(directory, summary, config.model)
        tokenizer = tokens.read_tokenizer(kept.tokenizer)
        model = _network(kept, config.hardware.dtype)
    except (weights.UnusableError, ValueError) as error:
        remedy = f"bring the file back, or {TRAIN_AGAIN}"
        raise ConfigError("RUN", directory, f"its weights cannot be used: {error}", remedy) from error
    # A network that was trained on a GPU is of use on any machine.
    hardware = replace(config.hardware, device="cpu" if config.hardware.device == "cpu" else "auto")
    precision.set_up(hardware)
    parts = [torch.from_numpy(kept.weights[parameter.name]).flatten() for parameter in model.parameters]
    weights_1xP = torch.cat(parts)[None].to(pick_device(hardware.device))
    return TrainedRun(directory, config, summary, model, weights_1xP, tokenizer)


def _network(kept: weights.Trained, dtype: str) -> Transformer:
    """The network that the weights are of. Raises `UnusableError` where they are those of another version of it."""
    model = Transformer(kept.model, kept.vocabulary_size, torch.bfloat16 if dtype == "bfloat16" else None)
    wanted = {parameter.name: parameter.shape for parameter in model.parameters}
    if wanted != {name: array.shape for name, array in kept.weights.items()}:
        raise weights.UnusableError("names or shapes are not those of this version's network")
    return model


def _summary(directory: Path) -> dict[str, Any]:
    """The summary of a run that has finished."""
    summary = read_summary(directory) or {}
    status = summary.get("status")
    damage = problem_of_summary(summary, str(summary.get("run_id"))) if status else None  # a copy may have any name
    if damage is not None:
        raise ConfigError("RUN", directory, f"its record is damaged: {damage}", TRAIN_AGAIN)
    if status == "diverged":
        problem = f"it diverged at step {summary.get('diverged_at')}, and the weights of such a run are not kept"
        raise ConfigError("RUN", directory, problem, "name a run that finished")
    if status == "failed":
        problem = f"it failed: {summary.get('error')}"
        raise ConfigError("RUN", directory, problem, "train it again, by the command that trained it")
    if status != "finished":
        problem = "no summary.json that can be read: the run is not finished, or this is not the directory of one"
        raise ConfigError("RUN", directory, problem, "name a run that finished, or finish it by the same command")
    return summary


def _config(directory: Path) -> RunConfig:
    try:
        return from_mapping(read_config(directory))
    except UNREADABLE as error:
        problem = f"its config.yaml cannot be used ({error})"
        raise ConfigError("RUN", directory, problem, f"bring it back, or {TRAIN_AGAIN}") from error
