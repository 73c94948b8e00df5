"""What training ended with: the weights of a run and its tokenizer, in two files of its directory.

`weights.safetensors` is the format of Hugging Face (github.com/huggingface/safetensors): named tensors, and texts that
say what they belong to. Reading it runs no code.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmuplab.base import checksums
from warmuplab.base.files import replace_atomically, write_text
from warmuplab.config.schema import ModelConfig

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WEIGHTS, TOKENIZER = "weights.safetensors", "tokenizer.json"
FACTS = "warmuplab"  # key of what the first file says beside its tensors


class UnusableError(Exception):
    """Files that do not hold the weights of this run."""


@dataclass(frozen=True)
class Trained:
    """The network of one run as training left it."""

    weights: "Mapping[str, npt.NDArray[np.floating]]"
    """By the names of `population.parameters`, in their shapes and in the precision of the training."""
    tokenizer: str
    """In JSON, as `data.tokens.read_tokenizer` takes it."""
    model: ModelConfig
    vocabulary_size: int
    fingerprint: str
    """Of the text of the corpus; see `data.corpora.Corpus.fingerprint`."""


def write(directory: Path, run_id: str, trained: Trained) -> None:
    """Write both files of a run, each whole or not at all. Raises `OSError` where the system refuses one."""
    from safetensors.numpy import save

    # All facts as one text: of several ones the order would differ from process to process.
    content = save(dict(trained.weights), {FACTS: json.dumps(_facts(run_id, trained))})
    write_text(directory / TOKENIZER, trained.tokenizer)
    with replace_atomically(directory / WEIGHTS) as temporary:
        temporary.write_bytes(content)


def are_kept(directory: Path) -> bool:
    """Whether the directory of a run has weights."""
    return (directory / WEIGHTS).exists()


def read(directory: Path, run_id: str, model: ModelConfig) -> Trained:
    """The files of the run with this name and network. Raises `UnusableError` where they are damaged or another's."""
    from safetensors import SafetensorError, safe_open

    try:
        tokenizer = (directory / TOKENIZER).read_text(encoding="utf-8")
        with safe_open(directory / WEIGHTS, framework="numpy") as file:
            facts = dict(json.loads((file.metadata() or {})[FACTS]))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        trained = Trained(weights, tokenizer, model, int(facts["vocabulary_size"]), facts["corpus"])
        told_model = dict(facts["model"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UnusableError(f"{type(error).__name__}: {error}") from error
    expected = _facts(run_id, trained)
    others = [name for name in expected if name != "model" and facts.get(name) != expected[name]]
    settings = asdict(model)  # a file that is older than a setting says nothing of it
    others += [f"model.{name}" for name, value in told_model.items() if settings.get(name) != value]
    if others:
        raise UnusableError(f"other than written: {', '.join(others)}")
    return trained


def _facts(run_id: str, trained: Trained) -> dict[str, Any]:
    """Whose the weights are, and checksums of both files."""
    return {
        "run_id": run_id,
        "model": asdict(trained.model),
        "vocabulary_size": trained.vocabulary_size,
        "corpus": trained.fingerprint,
        "tokenizer_sha256": checksums.of_text(trained.tokenizer),
        "weights_sha256": checksums.of_arrays(trained.weights),
    }
