"""Translations of sentences by a trained run."""

from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional as F

from warmuplab.base.errors import ConfigError
from warmuplab.data import tokens
from warmuplab.decoding.search import beam_search
from warmuplab.decoding.trained import TrainedRun

HYPOTHESES = 256  # translated at a time
WIDEST_BEAM, LONGEST = 100, 1000


def check_search(beam: int, max_length: int | None) -> None:
    """Raise `ConfigError` for a width of the beam or a length that no search can have."""
    for name, value, most in (("--beam", beam, WIDEST_BEAM), ("--max-length", max_length, LONGEST)):
        if value is not None and not 1 <= value <= most:
            raise ConfigError(name, value, f"not a number from 1 to {most}", f"use {name} 1 or more, up to {most}")


def check_sentences(run: TrainedRun, sentences: Sequence[str]) -> list[list[int]]:
    """The token ids of source sentences. Raises `ConfigError` for none at all, and for one that cannot be read."""
    if not sentences:
        raise ConfigError("TEXT", "", "no sentence to translate", "type sentences in quotes, or one a line as input")
    plain = [" ".join(sentence.split()) for sentence in sentences]
    for number, sentence in enumerate(plain, 1):
        if not sentence:
            raise ConfigError("TEXT", "", f"sentence {number} is empty", "leave it out")
        if tokens.has_endless_word(sentence):
            problem = f"a word of sentence {number} has over {tokens.LONGEST_WORD} characters"
            raise ConfigError("TEXT", f"{sentence[:40]}...", problem, "put white space between words")
        try:
            sentence.encode()
        except UnicodeEncodeError:
            raise ConfigError("TEXT", ascii(sentence), f"sentence {number} is not UTF-8", "type it in UTF-8") from None
    ids = run.encode(plain)
    for number, (sentence, read) in enumerate(zip(plain, ids, strict=True), 1):
        if len(read) > run.longest:
            shown = sentence if len(sentence) <= 40 else f"{sentence[:40]}..."
            problem = f"sentence {number} has {len(read)} tokens, and the run was trained on up to {run.longest}"
            raise ConfigError("TEXT", shown, problem, "divide it into shorter ones")
    return ids


def translate(
    run: TrainedRun, sources: Sequence[Sequence[int]], beam: int = 1, max_length: int | None = None
) -> list[str]:
    """The translations of token ids that end with their markers; see `search.beam_search`.

    `max_length` counts tokens with the end marker, by default those of the longest sentence that training could see.
    """
    translated = [""] * len(sources)
    for places in _batches([len(source) for source in sources], max(1, HYPOTHESES // beam)):
        ids = _search(run, [sources[place] for place in places], beam, max_length or run.longest)
        for place, found in zip(places, ids, strict=True):
            translated[place] = run.decode(found)
    return translated


def _batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """All places, up to `size` at a time, those of similar lengths together."""
    ordered = sorted(range(len(lengths)), key=lengths.__getitem__)
    for begin in range(0, len(ordered), size):
        yield ordered[begin : begin + size]


@torch.no_grad()
def _search(run: TrainedRun, sources: Sequence[Sequence[int]], beam: int, max_length: int) -> list[list[int]]:
    source_1xBxS = torch.from_numpy(tokens.padded(sources))[None].to(run.device)
    memory_1xBxSxD = run.model.memory(run.weights_1xP, source_1xBxS)

    def next_log_probs(sentence_n: torch.Tensor, tokens_nxT: torch.Tensor) -> torch.Tensor:
        source, memory = source_1xBxS[:, sentence_n], memory_1xBxSxD[:, sentence_n]
        logits_1xnxV = run.model.next_logits(run.weights_1xP, source, memory, tokens_nxT[None])
        return F.log_softmax(logits_1xnxV[0], dim=-1)

    return beam_search(next_log_probs, len(sources), beam, max_length, run.device)
