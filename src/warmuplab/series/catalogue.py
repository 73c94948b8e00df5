"""Every metric of the project, once: its name, label, unit and meaning, how a run is summed up in it, and its source.

Summaries, the page, the report, the README's table and W&B's definitions read this. A metric is a series with a value
per step (or per step and layer); `series.values` says what a run as a whole is described by, `series.markers` what a
publication adds.
"""

from dataclasses import dataclass

PER_TOKEN, NATS, STEPS = "nats per token", "nats", "steps"

# How a series is reduced to one value of a run; see `series.values` for the names that this gives.
LAST = "last"  # as last measured; a diverged run has none
LARGEST = "largest"  # over the run
EARLY_SUM = "early sum"  # over the steps of the early window, and until each held-out level
LOG_EARLY_SUM = "log of the early sum"  # the natural logarithm of each of these sums
EARLY_LARGEST = "early largest"  # in the early window
EARLY_MEAN = "early mean"  # over time, from the first to the last measurement in the early window
FIRST = "first"  # at the first step at which it is defined
AT_LEVELS = "at levels"  # where each held-out level is reached
BY_LAYER = "by layer"  # mean over the snapshots in the early window, of a stack's first layer and of its last
LOG_BY_LAYER = "log by layer"  # natural logarithm where each held-out level is reached, of the same two layers

INITIAL_DRIFT, LOG_DRIFT = "stability/initial_drift", "log_drift"  # the second: its logarithm in summary values

LR, LR_ELSEWHERE = "lr", "lr/elsewhere"
LIGHT = ("train", "probe", "val", "test", LR, "spike", "overfit")  # sections that `tracker.detail=light` publishes too
STABILITY = "Wortsman et al. 2023, section 3.1"


@dataclass(frozen=True)
class Metric:
    """A measured series."""

    name: str
    """As in Parquet files, W&B and figures: `stability/kl`."""
    label: str
    """On an axis."""
    unit: str
    """Empty for a pure number."""
    meaning: str
    """In a phrase that begins with a small letter."""
    source: str = ""
    """Where the formula is from; empty where it is a plain loss, rate or norm."""
    reductions: tuple[str, ...] = ()
    """How a run is summed up in it."""
    total: str = ""
    """Name of its early sum, where `<name>_sum` would not do."""

    @property
    def light(self) -> bool:
        """Whether W&B gets it with `tracker.detail=light` too."""
        return self.name.partition("/")[0] in LIGHT

    @property
    def early_sum(self) -> str:
        """The name of its sum over the early window."""
        return self.total or f"{self.name}_sum"

    @property
    def log_early_sum(self) -> str:
        """The name of the natural logarithm of that sum."""
        return self.early_sum.replace("/", "/log_")


_SERIES = (
    Metric("train/loss", "Training loss", PER_TOKEN, "loss on the step's own batch, before the update"),
    Metric("probe/loss", "Held-out loss, fixed batch", PER_TOKEN, "loss on one fixed held-out batch"),
    Metric(
        "spike/excess",
        "Excess over the lowest held-out loss",
        NATS,
        "how far the loss on the fixed held-out batch lies above the lowest it had so far",
        "the running minimum is that of the loss ratio of Li et al. 2022, section 3",
    ),
    Metric("val/loss", "Held-out loss, whole split", PER_TOKEN, "loss on the whole held-out split, after the step"),
    Metric(
        "test/loss",
        "Test loss, whole split",
        PER_TOKEN,
        "loss on the whole test split after the last step, where the corpus has one; nothing is chosen by it",
        reductions=(LAST,),
    ),
    Metric(
        LR,
        "Learning rate",
        "",
        "learning rate of the step; where `schedule.warmup.layers` names a part of the network, that of the part",
    ),
    Metric(
        LR_ELSEWHERE,
        "Learning rate outside the warmed-up part",
        "",
        "learning rate of all other weights, where `schedule.warmup.layers` names a part of the network",
    ),
    Metric("data/bucket", "Length bucket", "", "number of the length bucket that the batch of the step comes from"),
    Metric(
        "overfit/gap",
        "Overfitting gap",
        NATS,
        "what a step taught about its own batch beyond what it taught about held-out text, the own drop minus the"
        " held-out drop",
        "one-step generalisation gap; see stiffness, Fort et al. 2019, section 2",
        (EARLY_SUM,),
    ),
    Metric(
        "overfit/self_drop",
        "Loss drop on its own batch",
        NATS,
        "how much a step lowered the loss on the batch it was taken on",
        reductions=(EARLY_SUM,),
    ),
    Metric(
        "overfit/held_drop",
        "Loss drop on held-out text",
        NATS,
        "how much a step lowered the loss on held-out sentences of like length",
        reductions=(EARLY_SUM,),
    ),
    Metric("grad/norm", "Gradient norm", "", "Euclidean norm of the gradient before clipping", reductions=(LARGEST,)),
    Metric(
        "update/relative",
        "Relative update size",
        "",
        "Euclidean norm of a step over that of the weights",
        reductions=(LARGEST,),
    ),
    Metric(
        "overfit/memorisation",
        "Memorisation: earliest minus unseen sentences",
        NATS,
        "loss on sentences of the first 5 % of the steps minus loss on unseen ones of like length; lower is more"
        " memorised, how easy a seed's early sentences are adds a constant, so compare warmups, not settings",
        "after Feldman and Zhang 2020",
        (LAST, AT_LEVELS),
    ),
    Metric(
        "overfit/early_loss",
        "Loss on the earliest sentences",
        PER_TOKEN,
        "loss on sentences of the first 5 % of the steps",
    ),
    Metric(
        "overfit/unseen_loss",
        "Loss on unseen sentences",
        PER_TOKEN,
        "loss on sentences never trained on, as long as the earliest ones",
    ),
    Metric(
        "overfit/generalisation_gap",
        "Generalisation gap",
        NATS,
        "loss on held-out minus loss on trained text of like length",
        reductions=(LAST,),
    ),
    Metric(
        "stability/kl",
        "Change of the output distribution (KL)",
        NATS,
        "KL(before || after) of a step, of the output distribution on the fixed held-out batch",
        "Kullback and Leibler 1951; Schulman et al. 2015, section 3",
        (EARLY_SUM, LOG_EARLY_SUM, EARLY_LARGEST),
        total="stability/kl_path",
    ),
    Metric(
        "stability/jitter",
        "Jitter of the training loss",
        NATS,
        "noise of the training loss around its trend, in a sliding window of 24 steps",
    ),
    Metric(
        "stability/entropy",
        "Entropy of the output distribution",
        NATS,
        "entropy of the output distribution",
        "Shannon 1948",
        (LAST,),
    ),
    Metric(
        "stability/distance_uniform",
        "Distance from uniform (KL)",
        NATS,
        "KL of the output distribution from the uniform one; 0 for a model that knows nothing",
        "Kullback and Leibler 1951",
        (LAST,),
    ),
    Metric(
        "stability/distance_unigram",
        "Distance from word frequencies (KL)",
        NATS,
        "KL of the output distribution from word frequencies; 0 for a model that knows nothing else",
        "Kullback and Leibler 1951",
        (LAST,),
    ),
    Metric(
        "stability/log_z",
        "Logarithm of the softmax's denominator",
        NATS,
        "mean logarithm of the softmax's denominator, which grows where logits diverge",
        "Chowdhery et al. 2022, section 5; Wortsman et al. 2023, section 3.1.2",
        (LARGEST,),
    ),
    Metric(
        "stability/attention_logit",
        "Largest attention logit",
        "",
        "largest attention logit of any layer",
        f"{STABILITY}.1",
        (LARGEST,),
    ),
    Metric(
        "curvature/sharpness",
        "Sharpness",
        "",
        "largest eigenvalue of the Hessian of the loss on the fixed held-out batch",
        "Cohen et al. 2021, section 2",
        (LARGEST, LAST, EARLY_MEAN),
    ),
    Metric(
        "curvature/edge",
        "Sharpness over the edge of stability",
        "",
        "sharpness times the learning rate, in units of the value from which gradient descent diverges",
        "Cohen et al. 2021, section 2",
        (LARGEST, FIRST),
    ),
    Metric(
        "curvature/preconditioned_sharpness",
        "Preconditioned sharpness",
        "",
        "sharpness as Adam sees it, of the Hessian divided by the root of Adam's second moment",
        "Cohen et al. 2022, section 2",
        (LARGEST, LAST, EARLY_MEAN),
    ),
    Metric(
        "curvature/preconditioned_edge",
        "Preconditioned sharpness over the edge",
        "",
        "preconditioned sharpness times the learning rate, in units of the value from which Adam diverges",
        "Cohen et al. 2022, section 2",
        (LARGEST, FIRST),
    ),
)

_OF_LAYERS = (
    Metric(
        "stability/cka_drift",
        "Drift of activations (1 - CKA)",
        "",
        "1 - linear CKA of a layer's output at the last snapshot and at this one",
        "Kornblith et al. 2019, section 3",
        (BY_LAYER,),
    ),
    Metric(
        INITIAL_DRIFT,
        "Drift from the initial activations (1 - CKA)",
        "",
        "1 - linear CKA of a layer's output before training and now",
        "Kornblith et al. 2019, section 3",
        (LOG_BY_LAYER,),
    ),
    Metric(
        "stability/weight_change",
        "Relative change of weights",
        "",
        "relative change of a layer's weights since the last snapshot",
        reductions=(BY_LAYER,),
    ),
    Metric(
        "stability/grad_norm",
        "Gradient norm",
        "",
        "norm of a layer's gradient before clipping",
        reductions=(BY_LAYER,),
    ),
    Metric(
        "stability/update_to_weight",
        "Update relative to weights",
        "",
        "size of a step relative to the weights of a layer",
        reductions=(BY_LAYER,),
    ),
    Metric("stability/attention_logit", "Largest attention logit", "", "largest attention logit of a layer", STABILITY),
)

SERIES = {metric.name: metric for metric in _SERIES}  # a column each of `metrics.parquet`, in the order to offer them
OF_LAYERS = {metric.name: metric for metric in _OF_LAYERS}  # a column each of `layers.parquet`
METRICS = OF_LAYERS | SERIES


def reduced_by(reduction: str) -> list[Metric]:
    """The series that are reduced in this way."""
    return [metric for metric in SERIES.values() if reduction in metric.reductions]
