"""How many operations a training step needs: counted by formula, from the lengths of the sentences."""

import numpy as np
import numpy.typing as npt

from warmuplab.config.schema import ModelConfig

Numbers = npt.NDArray[np.float64]
BACKWARD = 2  # the gradient of a product takes two products of the same size


def sentence_flops(
    model: ModelConfig, vocabulary_size: int, source_N: npt.NDArray[np.int64], target_N: npt.NDArray[np.int64]
) -> Numbers:
    """Operations of all matrix products for each sentence `(N,)`, forward and backward; a multiply-add counts as two.

    `source_N` and `target_N` are the lengths without padding. Attention counts with all pairs of positions, as it is
    computed, causal or not; everything that is not a matrix product is left out.
    """
    width, wide, depth = float(model.width), float(model.feed_forward), model.depth
    source, target = source_N.astype(np.float64), target_N.astype(np.float64)
    encoder = source * (4 * width**2 + 2 * width * wide) + 2 * source**2 * width
    decoder = target * (4 * width**2 + 2 * width**2 + 2 * width * wide) + source * 2 * width**2
    decoder = decoder + 2 * target**2 * width + 2 * target * source * width
    multiplied = depth * (encoder + decoder) + target * width * vocabulary_size
    operations: Numbers = 2 * (1 + BACKWARD) * multiplied
    return operations


def utilisation(flops: float, seconds: float, peak: float) -> float:
    """MFU: the share of `peak` (operations per second of a large product) that useful operations reach."""
    return flops / seconds / peak
