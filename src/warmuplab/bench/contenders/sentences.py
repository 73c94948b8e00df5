"""The training sentences for programs that pad and batch by themselves: the same ids that a population reads."""

from typing import NamedTuple

from warmuplab import worker
from warmuplab.bench.protocol import Spec
from warmuplab.bench.work import configs_of
from warmuplab.config.schema import RunConfig
from warmuplab.data.tokens import TokenizedCorpus


class Sentence(NamedTuple):
    """Ids without padding."""

    source: list[int]
    """With its end marker."""
    target: list[int]
    """From its start marker to its end marker."""

    @property
    def tokens(self) -> int:
        """Those to read and those to predict."""
        return len(self.source) + len(self.target) - 1


def load(spec: Spec) -> tuple[RunConfig, TokenizedCorpus, list[Sentence]]:
    """The run of the first seed, its corpus, and the sentences of the training split in their order."""
    config = configs_of(spec, spec.warm_up + spec.steps)[0]
    corpus = worker.load_corpus(config)
    split = corpus.train
    lengths = zip(split.source_lengths_N.tolist(), split.target_lengths_N.tolist(), strict=True)
    sentences = [
        Sentence(split.source_NxS[i, :source].tolist(), split.target_NxT[i, : target + 1].tolist())
        for i, (source, target) in enumerate(lengths)
    ]
    return config, corpus, sentences
