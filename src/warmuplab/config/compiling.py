"""Whether a training is long enough for `torch.compile` to pay: what `hardware.compile=auto` becomes."""

from warmuplab.config.schema import ModelConfig

# Forward and backward, per weight and token. A CPU: 55 ms a step of 64 pairs at width 64 and depth 4, one thread. A GPU
# (an H200): 64 ms a step of 256 members of that size; at width 256 a third of it per weight and token.
SECONDS_PER_WEIGHT_AND_TOKEN = {"cpu": 9e-11, "cuda": 3e-13}
# A CPU compiles for 90 to 250 s and then saves 11 % of a step: even at 14 to 38 minutes. A GPU took more than 80 s;
# what it saves then was not measured.
LEAST_SECONDS = {"cpu": 45 * 60.0, "cuda": 10 * 60.0}


def pays(device: str, weights: int, tokens: float, members: int, steps: int, has_compiler: bool) -> bool:
    """Whether to compile the training of a population: on a `device`, `cpu` or `cuda`, for `steps` of all `members`.

    `weights` are those of one member, `tokens` the real ones, source and target, of its batch. A CPU needs a C++
    compiler, `has_compiler`.
    """
    if device == "cpu" and not has_compiler:
        return False
    seconds = SECONDS_PER_WEIGHT_AND_TOKEN[device] * weights * tokens * members * steps
    return seconds >= LEAST_SECONDS[device]


def estimated_weights(model: ModelConfig, vocabulary_size: int) -> int:
    """Weights of one member, without biases and normalisation: 4 D D in each attention, 2 D F in each feed-forward."""
    attention, feed_forward = 4 * model.width**2, 2 * model.width * model.feed_forward
    return vocabulary_size * model.width + model.depth * (3 * attention + 2 * feed_forward)
