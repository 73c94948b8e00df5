"""Beam search against brute force, and against always taking the most probable token."""

import itertools
import math

import pytest
import torch

from warmuplab.data.tokens import END, PADDING, START
from warmuplab.decoding.search import NextLogProbs, beam_search, score

CPU = torch.device("cpu")
WORDS = (3, 4, 5)
VOCABULARY, LENGTH = 6, 4
SENTENCES = 4
EVERYTHING = 200  # more hypotheses than there are: 3 + 9 + 27 + 81 prefixes, and each with an end


def model(seed: int) -> NextLogProbs:
    """The probabilities of a made-up network: any prefix of any sentence has random ones of its own."""

    def of(sentence: int, prefix: tuple[int, ...]) -> torch.Tensor:
        mark = hash((seed, sentence, *prefix)) % 2**31
        return torch.log_softmax(2 * torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(mark)), dim=0)

    def next_log_probs(sentence_n: torch.Tensor, tokens_nxT: torch.Tensor) -> torch.Tensor:
        pairs = zip(sentence_n.tolist(), tokens_nxT.tolist(), strict=True)
        return torch.stack([of(sentence, tuple(prefix)) for sentence, prefix in pairs])

    return next_log_probs


def log_probability(of: NextLogProbs, sentence: int, tokens: tuple[int, ...]) -> float:
    total, prefix = 0.0, [START]
    for token in tokens:
        total += float(of(torch.tensor([sentence]), torch.tensor([prefix]))[0, token].double())
        prefix.append(token)
    return total


def best_of_all(of: NextLogProbs, sentence: int) -> tuple[int, ...]:
    """By the formula of Wu et al. 2016, of all sequences of words that end within the length."""
    every = [words for n in range(LENGTH) for words in itertools.product(WORDS, repeat=n)]

    def worth(words: tuple[int, ...]) -> float:
        length = len(words) + 1
        return log_probability(of, sentence, (*words, END)) / math.pow((5 + length) / 6, 0.6)

    return max(every, key=worth)


def greedy(of: NextLogProbs, sentence: int, length: int) -> list[int]:
    prefix = [START]
    for _ in range(length):
        log_probs = of(torch.tensor([sentence]), torch.tensor([prefix]))[0]
        log_probs[[PADDING, START]] = -torch.inf
        token = int(log_probs.argmax())
        if token == END:
            break
        prefix.append(token)
    return prefix[1:]


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_as_wide_as_everything_finds_the_best_of_all(seed: int) -> None:
    found = beam_search(model(seed), SENTENCES, EVERYTHING, LENGTH, CPU)
    assert [tuple(tokens) for tokens in found] == [best_of_all(model(seed), k) for k in range(SENTENCES)]


@pytest.mark.parametrize("length", [1, 4, 12])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_takes_the_most_probable_token(seed: int, length: int) -> None:
    found = beam_search(model(seed), SENTENCES, 1, length, CPU)
    assert found == [greedy(model(seed), sentence, length) for sentence in range(SENTENCES)]
    assert max(map(len, found)) <= length


def test_a_wider_beam_finds_what_is_better_and_sentences_do_not_meet() -> None:
    """Over many sentences a beam finds better hypotheses than a greedy search; each sentence as if it were alone."""
    sentences, of = 40, model(7)
    worth = {}
    for beam in (1, 4, EVERYTHING):
        found = beam_search(of, sentences, beam, LENGTH, CPU)
        for sentence in (0, 13, 39):
            alone = beam_search(lambda n, t, s=sentence: of(n + s, t), 1, beam, LENGTH, CPU)
            assert alone == [found[sentence]]
        ended = [(k, tokens) for k, tokens in enumerate(found) if len(tokens) < LENGTH]
        worth[beam] = {k: score(log_probability(of, k, (*tokens, END)), len(tokens) + 1) for k, tokens in ended}
    both = worth[1].keys() & worth[4].keys()
    assert sum(worth[4][k] for k in both) > sum(worth[1][k] for k in both)
    assert all(worth[EVERYTHING][k] >= worth[4][k] - 1e-9 for k in worth[4])


def test_a_hypothesis_that_never_ends_is_cut() -> None:
    def never(sentence_n: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        logits = torch.full((len(sentence_n), VOCABULARY), -torch.inf)
        logits[:, 4], logits[:, START] = 0.0, 5.0
        return torch.log_softmax(logits, dim=1)

    for beam in (1, 3):
        assert beam_search(never, 2, beam, 5, CPU) == [[4] * 5, [4] * 5]
