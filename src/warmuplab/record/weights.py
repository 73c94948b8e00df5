"""What training ended with: the weights of a run and its tokenizer, in two files of its directory.

`weights.safetensors` is the format of Hugging Face (github.com/huggingface/safetensors): named tensors, and a text that
says what they belong to. Reading it runs no code.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmuplab.base.files import replace_atomically, write_text
from warmuplab.config.schema import ModelConfig
from warmuplab.record.verifying import CONFIG, TOKENIZER, WEIGHTS, problem_of_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FACTS = "warmuplab"  # key of what the file says beside its tensors


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

    facts = {
        "run_id": run_id,
        "model": asdict(trained.model),
        "vocabulary_size": trained.vocabulary_size,
        "corpus": trained.fingerprint,
    }
    # All facts as one text: of several ones the order would differ from process to process.
    content = save(dict(trained.weights), {FACTS: json.dumps(facts)})
    write_text(directory / TOKENIZER, trained.tokenizer, durable=True)
    with replace_atomically(directory / WEIGHTS, durable=True) as temporary:
        temporary.write_bytes(content)


def are_kept(directory: Path) -> bool:
    """Whether the directory of a run has weights."""
    return (directory / WEIGHTS).exists()


def read(directory: Path, summary: Mapping[str, Any], model: ModelConfig) -> Trained:
    """The files of the finished run that has this summary and network.

    Raises `UnusableError` where they, or its configuration, are not those that were written with the summary.
    """
    from safetensors import SafetensorError, safe_open

    for name in (CONFIG, TOKENIZER, WEIGHTS):
        problem = problem_of_file(directory / name, summary)
        if problem is not None:
            raise UnusableError(problem)
    try:
        with safe_open(directory / WEIGHTS, framework="numpy") as file:
            facts = dict(json.loads((file.metadata() or {})[FACTS]))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        tokenizer = (directory / TOKENIZER).read_text(encoding="utf-8")
        return Trained(weights, tokenizer, model, int(facts["vocabulary_size"]), str(facts["corpus"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UnusableError(f"{type(error).__name__}: {error}") from error
