"""Which sentences a member sees at a step: a pure function of (seed, step), without any state to resume.

Sentences of similar lengths share a bucket. Which bucket comes at a step depends on the step alone, so members with
different seeds share tensor shapes; which sentences of it come depends on the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from warmuplab.data.tokens import Split

EVALUATION_BATCH_SIZE = 128  # sentences of a batch that is not trained on
MAX_PADDING = 0.1  # share of a bucket's positions, above which it is divided further
PROBE_LENGTHS = (0.3, 0.7)  # quantiles between which the probe batch's sentences lie: representative, little padding
_BUCKET_STREAM, _PROBE_STREAM = 1, 2  # keep the random streams apart from each other and from those of the seeds

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Sentences for every member, padded to common bounds with `tokens.PADDING`."""

    source_MxBxS: torch.Tensor
    input_MxBxT: torch.Tensor
    """Decoder input: the target from its start marker on."""
    label_MxBxT: torch.Tensor
    """What the decoder must predict: the target up to its end marker."""


@dataclass(frozen=True)
class Bucket:
    """Sentences `indices_n` of a split, none longer than the two bounds (tokens to read, tokens to predict)."""

    indices_n: Indices
    source_bound: int
    target_bound: int


def make_buckets(split: Split, smallest: int, max_padding: float = MAX_PADDING) -> list[Bucket]:
    """Divide a split until at most `max_padding` of each bucket is padding or it would hold fewer than `smallest`.

    Each division cuts a bucket in two where, over both sides and all places, that saves most positions.
    """
    return _divide(np.arange(len(split)), lengths_of(split), smallest, max_padding)


def lengths_of(split: Split) -> Indices:
    """Source and target length of every sentence, `[N, 2]`."""
    return np.stack([split.source_lengths_N, split.target_lengths_N], axis=1)


def _divide(indices: Indices, lengths_Nx2: Indices, smallest: int, max_padding: float) -> list[Bucket]:
    lengths_nx2 = lengths_Nx2[indices]
    bounds = lengths_nx2.max(axis=0)
    if len(indices) >= 2 * smallest and lengths_nx2.sum() < (1 - max_padding) * len(indices) * bounds.sum():
        cuts = [_best_cut(lengths_nx2, side, smallest) for side in (0, 1)]
        _, low, high = min(cuts, key=lambda cut: cut[0])
        halves = (np.sort(indices[half]) for half in (low, high))
        return [bucket for half in halves for bucket in _divide(half, lengths_Nx2, smallest, max_padding)]
    return [Bucket(indices, int(bounds[0]), int(bounds[1]))]


def _best_cut(lengths_nx2: Indices, side: int, smallest: int) -> tuple[int, Indices, Indices]:
    """The cut along `side` that leaves fewest positions: their number, the shorter sentences and the longer ones."""
    order = np.argsort(lengths_nx2[:, side], kind="stable")
    ordered = lengths_nx2[order]
    low_bounds = np.maximum.accumulate(ordered).sum(axis=1)
    high_bounds = np.maximum.accumulate(ordered[::-1])[::-1].sum(axis=1)
    sizes = np.arange(smallest, len(order) - smallest + 1)
    positions = sizes * low_bounds[sizes - 1] + (len(order) - sizes) * high_bounds[sizes]
    best = int(sizes[positions.argmin()])
    return int(positions.min()), order[:best], order[best:]


class BatchSampler:
    """Draws the training batches of one split.

    Steps are grouped in epochs: in each, every bucket comes about as often as it takes to go through it, in an order
    drawn anew. A member reads a bucket as one stream of passes, each a permutation drawn for (seed, bucket, pass).
    """

    def __init__(self, split: Split, batch_size: int) -> None:
        self.batch_size = batch_size
        self.buckets = make_buckets(split, smallest=batch_size)
        visits = [max(1, round(len(bucket.indices_n) / batch_size)) for bucket in self.buckets]
        self._visits = np.repeat(np.arange(len(self.buckets)), visits)
        self._epoch_order = lru_cache(maxsize=4)(self._draw_epoch_order)

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which every sentence has come about once."""
        return len(self._visits)

    def bucket_at(self, step: int) -> int:
        """Number of the bucket that all members read at `step` (0-based)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        return int(self._epoch_order(epoch)[position])

    def sentences(self, seed: int, steps: int) -> Indices:
        """Indices `[steps, B]` of the split's sentences that a member with `seed` trains on at the first `steps`."""
        bucket_T = np.array([self.bucket_at(step) for step in range(steps)])
        drawn_TxB = np.empty((steps, self.batch_size), dtype=np.int64)
        for number in np.unique(bucket_T):
            indices, visits = self.buckets[number].indices_n, np.flatnonzero(bucket_T == number)
            passes = -(-len(visits) * self.batch_size // len(indices))
            stream = np.concatenate([self._permutation(seed, number, one) for one in range(passes)])
            drawn_TxB[visits] = indices[stream[: len(visits) * self.batch_size]].reshape(-1, self.batch_size)
        return drawn_TxB

    def _draw_epoch_order(self, epoch: int) -> Indices:
        return np.random.default_rng([_BUCKET_STREAM, epoch]).permutation(self._visits)

    def _permutation(self, seed: int, number: int, pass_number: int) -> Indices:
        return np.random.default_rng([seed, number, pass_number]).permutation(len(self.buckets[number].indices_n))


class DeviceSplit:
    """A split's token ids on the device that trains, to gather batches from."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self._source_NxS = torch.from_numpy(split.source_NxS).to(device)
        self._target_NxT = torch.from_numpy(split.target_NxT).to(device)
        self._lengths_Nx2 = lengths_of(split)

    def gather(self, indices_MxB: Indices, bounds: tuple[int, int] | None = None) -> Batch:
        """The sentences `indices_MxB`, padded to `bounds` (source, target), by default to the longest among them."""
        bounds = bounds or tuple(self._lengths_Nx2[indices_MxB].max(axis=(0, 1)).tolist())
        return self.select(torch.from_numpy(indices_MxB).to(self._source_NxS.device), bounds)

    def select(self, indices_MxB: torch.Tensor, bounds: tuple[int, int]) -> Batch:
        """`gather` with indices that are on the device already."""
        source_bound, target_bound = bounds
        source_MxBxS = _rows(self._source_NxS[:, :source_bound], indices_MxB)
        target_MxBxT = _rows(self._target_NxT[:, : target_bound + 1], indices_MxB)
        return Batch(source_MxBxS, target_MxBxT[..., :-1], target_MxBxT[..., 1:])


def _rows(table_NxL: torch.Tensor, indices_MxB: torch.Tensor) -> torch.Tensor:
    return table_NxL.index_select(0, indices_MxB.flatten()).view(*indices_MxB.shape, -1)


class TrainingBatches:
    """The batches of the first `steps` of a population whose members have `seeds`.

    Which sentences they hold is drawn once and lies on the device, so that no step waits for a copy.
    """

    def __init__(self, split: Split, batch_size: int, seeds: Sequence[int], device: torch.device, steps: int) -> None:
        self.sampler = BatchSampler(split, batch_size)
        self._split = DeviceSplit(split, device)
        distinct, member_of = np.unique(np.array(seeds), return_inverse=True)
        drawn_TxUxB = np.stack([self.sampler.sentences(int(seed), steps) for seed in distinct], axis=1)
        self._drawn_TxUxB = torch.from_numpy(drawn_TxUxB.astype(np.int32)).to(device)  # U distinct seeds
        self._member_of = torch.from_numpy(member_of).to(device)

    def at(self, step: int) -> Batch:
        """What every member trains on at `step`."""
        return self.gather(torch.tensor(step, device=self._member_of.device), self.sampler.bucket_at(step))

    def gather(self, step: torch.Tensor, bucket: int) -> Batch:
        """`at` the 0-d `step`, which is known on the device alone, and the number of its bucket."""
        drawn_MxB = self._drawn_TxUxB.index_select(0, step)[0].index_select(0, self._member_of)
        bounds = self.sampler.buckets[bucket]
        return self._split.select(drawn_MxB, (bounds.source_bound, bounds.target_bound))


def evaluation_batches(split: Split, members: int, batch_size: int, device: torch.device) -> list[Batch]:
    """The whole split in batches of similar lengths, the same sentences for all `members`."""
    order = np.lexsort((split.source_lengths_N, split.target_lengths_N))
    on_device = DeviceSplit(split, device)
    chunks = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return [shared_batch(on_device, chunk, members) for chunk in chunks]


def probe_indices(split: Split, batch_size: int) -> Indices:
    """Up to `batch_size` sentences of middling length on either side, the same ones in every run on this split."""
    lengths_Nx2 = lengths_of(split)
    low, high = np.quantile(lengths_Nx2, PROBE_LENGTHS, axis=0, method="nearest")
    middling = np.flatnonzero(((lengths_Nx2 >= low) & (lengths_Nx2 <= high)).all(axis=1))
    if not len(middling):  # a tiny split, none of whose sentences is middling on both sides
        middling = np.arange(len(split))
    return np.sort(np.random.default_rng([_PROBE_STREAM]).permutation(middling)[:batch_size])


def alike_in_length(split: Split, wanted_nx2: Indices, among: Indices | None = None) -> Indices:
    """For each pair of lengths in `wanted_nx2` the sentence of `split` that is nearest and not yet taken.

    Nearest is the smallest sum of the differences of both lengths; `among` restricts the choice to these indices. As
    many as there are wanted, or fewer where the sentences run out.
    """
    candidates = np.arange(len(split)) if among is None else among
    lengths_cx2 = lengths_of(split)[candidates].astype(np.float64)
    chosen = []
    for wanted in wanted_nx2[: len(candidates)]:
        nearest = int(np.abs(lengths_cx2 - wanted).sum(axis=1).argmin())
        lengths_cx2[nearest] = np.inf  # taken
        chosen.append(candidates[nearest])
    return np.array(chosen, dtype=np.int64)


def held_out_like(bucket: Bucket, train: Split, validation: Split, sentences: int) -> Indices:
    """Up to `sentences` of the `validation` split that fit the bounds of a `train` bucket, with lengths as in there.

    The lengths are those of evenly spaced sentences of the bucket, ordered by length. Where nothing fits the bounds,
    the nearest sentences are taken all the same.
    """
    lengths_nx2 = lengths_of(train)[bucket.indices_n]
    ordered_nx2 = lengths_nx2[np.argsort(lengths_nx2.sum(axis=1), kind="stable")]
    places = np.linspace(0, len(ordered_nx2) - 1, sentences).round().astype(np.int64)
    bounds = (bucket.source_bound, bucket.target_bound)
    fitting = np.flatnonzero((lengths_of(validation) <= bounds).all(axis=1))
    return alike_in_length(validation, ordered_nx2[places], fitting if len(fitting) else None)


def shared_batch(split: DeviceSplit, indices_B: Indices, members: int) -> Batch:
    """The sentences `indices_B`, the same for all `members`."""
    return split.gather(np.broadcast_to(indices_B, (members, len(indices_B))).copy())
