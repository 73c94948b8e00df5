"""How many members of a population fit into the memory of this machine, or of its GPU."""

from warmuplab.config.schema import RunConfig

USABLE = 0.8  # of what is available: the estimate is coarse, and others take memory too
PROCESS_BYTES = 450e6  # a worker before its first member: Python, torch, the corpus; on a GPU: CUDA's own
WEIGHT_COPIES = 8  # weights, move, two moments, the gradient in its parts, in one piece and masked, one to spare
STREAM_COPIES, HIDDEN_COPIES = 20, 3  # tensors of a layer that its backward pass needs, of width D and of width F
LOGIT_COPIES = 2  # of the probe batch: logits of all its tokens, and of those that are no padding


def member_bytes(config: RunConfig, weights: int, vocabulary_size: int) -> float:
    """About what a member with that many `weights` takes at most: its state, and a step on the longest sentences.

    Where the probes run, what they predict lies beside the state; then no step is under way.

    Width 64, depth 4 and batch 64 on the embedded corpus took 160 MB a member, by the peak of a worker of eight; this
    gives more.
    """
    model, bytes_each = config.model, 8 if config.hardware.dtype == "float64" else 4
    tokens = config.training.batch_size * config.data.max_length
    layer = tokens * (STREAM_COPIES * model.width + HIDDEN_COPIES * model.feed_forward)
    observed = config.probes.enabled and not config.probes.loss_only
    logits = LOGIT_COPIES * config.probes.batch_size * config.data.max_length * vocabulary_size if observed else 0
    return bytes_each * (WEIGHT_COPIES * weights + max(2 * model.depth * layer, logits))


def members_that_fit(
    config: RunConfig, weights: int, vocabulary_size: int, available: int | None, workers: int
) -> int | None:
    """How many members each of `workers` processes has room for, at least 1; None where `available` is not known."""
    if available is None:
        return None
    room = available * USABLE / workers - PROCESS_BYTES
    return max(1, int(room // member_bytes(config, weights, vocabulary_size)))
