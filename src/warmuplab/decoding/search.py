"""Beam search: the most probable sequences of tokens, for several sentences at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from warmuplab.data.tokens import END, PADDING, START

LENGTH_EXPONENT = 0.6  # as Vaswani et al. 2017, section 6.1

NextLogProbs = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes for n hypotheses the numbers of their sentences `(n,)` and their tokens so far `(n, T)`, `START` included.

Gives the natural logarithms of the probabilities of every next token, `(n, V)`."""


def score(log_probability: float, length: int) -> float:
    """What hypotheses of different lengths are compared by: their log-probability over a penalty of their length.

    The penalty is ((5 + length) / 6) ** 0.6, formula 14 of Wu et al. 2016 (Google's Neural Machine Translation System)
    without its coverage; `length` counts the tokens with the end marker.
    """
    return log_probability / float(((5 + length) / 6) ** LENGTH_EXPONENT)


@dataclass
class _Found:
    """What is known of one sentence."""

    ended: list[tuple[float, list[int]]] = field(default_factory=list)
    """Score and tokens of the hypotheses that came to their end marker."""
    cut: list[int] = field(default_factory=list)
    """The most probable of those that did not."""

    def best(self) -> list[int]:
        return max(self.ended)[1] if self.ended else self.cut


@torch.no_grad()
def beam_search(
    next_log_probs: NextLogProbs, sentences: int, beam: int, max_length: int, device: torch.device
) -> list[list[int]]:
    """The best hypothesis of each of the `sentences` that is found: its tokens without start and end marker.

    At every step the `beam` most probable hypotheses are continued, each by every token but `PADDING` and `START`. One
    of the `beam` most probable continuations that is an end marker ends its hypothesis; the search of a sentence is
    over when `beam` hypotheses have ended, and after `max_length` tokens with the end marker. Best is the highest
    `score`; where none has ended, the most probable one as it is. A beam of 1 is greedy search.
    """
    found = [_Found() for _ in range(sentences)]
    open_n = torch.arange(sentences, device=device)  # the sentences that are still searched
    tokens_nxKxT = torch.full((sentences, beam, 1), START, device=device)
    total_nxK = torch.full((sentences, beam), -torch.inf, dtype=torch.float64, device=device)
    total_nxK[:, 0] = 0.0  # all begin alike: one of them is enough
    for length in range(1, max_length + 1):
        log_probs = next_log_probs(open_n.repeat_interleave(beam), tokens_nxKxT.flatten(0, 1)).double()
        log_probs[:, [PADDING, START]] = -torch.inf
        candidates = (total_nxK[:, :, None] + log_probs.unflatten(0, (-1, beam))).flatten(1)
        # One of a hypothesis's continuations is an end marker: of twice as many, `beam` go on.
        best_nxC, place_nxC = candidates.topk(2 * beam, dim=1)
        from_nxC, token_nxC = place_nxC // log_probs.shape[1], place_nxC % log_probs.shape[1]
        ends_nxC = token_nxC == END
        leading = torch.arange(2 * beam, device=device) < beam
        for row, rank in (ends_nxC & leading & best_nxC.isfinite()).nonzero().tolist():
            tokens = tokens_nxKxT[row, from_nxC[row, rank], 1:].tolist()
            found[open_n[row]].ended.append((score(float(best_nxC[row, rank]), length), tokens))
        going_on = ends_nxC.int().argsort(dim=1, stable=True)[:, :beam]
        total_nxK = best_nxC.gather(1, going_on)
        before = tokens_nxKxT.gather(1, from_nxC.gather(1, going_on)[:, :, None].expand(-1, -1, length))
        tokens_nxKxT = torch.cat([before, token_nxC.gather(1, going_on)[:, :, None]], dim=2)
        left = [row for row, sentence in enumerate(open_n.tolist()) if len(found[sentence].ended) < beam]
        if not left:
            break
        open_n, total_nxK, tokens_nxKxT = open_n[left], total_nxK[left], tokens_nxKxT[left]
    for sentence, most_probable in zip(open_n.tolist(), tokens_nxKxT[:, 0, 1:].tolist(), strict=True):
        found[sentence].cut = most_probable
    return [each.best() for each in found]
