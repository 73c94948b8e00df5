"""The claims, written down before any result of their runs was read: what is said, where, and what counts as support.

The source of most is the notes on warmup that the project tests (the README says which). Rates, lengths and levels that
a comparison fixes come from a pilot on seeds 100 and 101, which no comparison uses: the peak rates 8e-3 (post-LN) and
1.6e-2 (pre-LN) are where 200 steps with 10 % of warmup ended best, 4e-3 where 800 steps did. To add a claim, add one
here and name the study that trains its arms; the README walks through an example.
"""

from typing import Any

from warmuplab.claims.claim import Arm, Claim, Comparison, Measure, Not
from warmuplab.claims.terms import (
    FINAL_LOSS,
    AtReadRate,
    Best,
    CommonBest,
    EachBest,
    Entropy,
    Mean,
    Value,
)

NOTES = "notes on warmup"
LINEAR, EQUAL_AREA = "linear", "equal_area"
SHORT, LONG, LONGEST = 200, 800, 5000  # steps
RATES = (2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)
PRE_RATES = (*RATES, 6.4e-2)
FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)

BASE = {
    "model.norm": "post",
    "model.width": Not(16),  # so that a study at another width keeps its arms
    "training.batch_size": Not(4),
    "training.steps": SHORT,
    "optimizer.name": "adam",
    "schedule.decay.name": "linear",
    "schedule.warmup.shape": LINEAR,
}


def arm(name: str, rates: tuple[float, ...] = (), study: str = "claims", **where: Any) -> Arm:
    """An arm of the base network; two underscores stand for a dot, and a key may be replaced."""
    return Arm(name, BASE | {key.replace("__", "."): value for key, value in where.items()}, rates, study)


def warmed(fraction: float, rates: tuple[float, ...] = RATES, **where: Any) -> Arm:
    """An arm with a linear warmup of this fraction of the steps."""
    name = f"{100 * fraction:g} % warmup" if fraction else "no warmup"
    return arm(name, rates, schedule__warmup__fraction=fraction, **where)


def level(rate: float, **where: Any) -> Arm:
    """The third arm: no warmup, every rate scaled down to the area under the rate over the early window."""
    where |= {"schedule__warmup__shape": EQUAL_AREA, "schedule__warmup__fraction": 0.1}
    return arm("no warmup, equal early area", (rate,), **where)


def three_arms(
    measure: Measure, rate: float, smallest: float, setting: str = "", **where: Any
) -> tuple[Comparison, ...]:
    """10 % warmup against none and against the equal-area arm, at one rate: less of what is worse supports."""
    warm = warmed(0.1, (rate,), **where)
    compared = []
    for control in (warmed(0.0, (rate,), **where), level(rate, **where)):
        better, worse = Value(warm, measure), Value(control, measure)
        plus, minus = ((worse,), (better,)) if measure.worse == "more" else ((better,), (worse,))
        name = f"10 % warmup against {control.name}{setting}"
        compared.append(Comparison(name, plus, minus, smallest, measure.unit))
    return tuple(compared)


def at_best(name: str, better: Arm, control: Arm, smallest: float = 0.05) -> Comparison:
    """Final loss, each arm at its own best peak rate."""
    return Comparison(name, (Best((control,)),), (Best((better,)),), smallest)


def within(name: str, arm: Arm, controls: tuple[Arm, ...], margin: float = 0.1) -> Comparison:
    """Final loss at most `margin` above that of the best of the controls, each at its own best peak rate."""
    return Comparison(name, (Best(controls),), (Best((arm,)),), 0.0, margin=margin)


def sensitivity(name: str, better: Arm, control: Arm, smallest: float = 0.05) -> Comparison:
    """Learning-rate sensitivity of the control minus that of the arm (Wortsman et al. 2023, section 2.2).

    The mean over the grid of min(final loss, unigram entropy) minus the loss at the best rate.
    """
    return Comparison(name, (Mean(control), Best((better,))), (Best((control,)), Mean(better)), smallest)


MEMORISATION = Measure(
    "overfit/memorisation_at_0.5_below",
    "loss on the sentences of the first 5 % of the steps minus loss on unseen ones of like length, read where the"
    " held-out loss is 0.5 nats below the unigram entropy",
    "nats",
    "less",
)
KL_PATH = Measure(
    "stability/kl_path_to_0.5_below",
    "sum of KL(before || after) of every step on the held-out batch, until its loss is 0.5 nats below the unigram"
    " entropy",
    "nats",
    "more",
)
DEPTH = Measure(
    "stability/decoder_cka_drift_last_minus_first",
    "drift (1 - linear CKA between snapshots, mean over the early window) of the decoder's last layer minus its first",
    "of 1 - CKA",
    "more",
)
DEPTH_ENCODER = Measure(DEPTH.column.replace("decoder", "encoder"), "the same in the encoder", DEPTH.unit, "more")
TIME = Measure(
    "probe/steps_to_1.5_below",
    "steps until the held-out loss is 1.5 nats below the unigram entropy, at most the length of the run",
    "steps",
    "more",
    "steps",
)
SHARPNESS = Measure(
    "curvature/preconditioned_sharpness",
    "decimal logarithm of the largest eigenvalue of the Hessian as Adam sees it, at the last snapshot of the early"
    " window",
    "decades",
    "more",
    at_end_of_early_window=True,
    logarithm=True,
)

NONE, TENTH = warmed(0.0), warmed(0.1)
PRE_NONE, PRE_TENTH = (warmed(f, PRE_RATES, model__norm="pre") for f in (0.0, 0.1))
AT_SHORT = tuple(warmed(fraction) for fraction in FRACTIONS)
AT_LONG = tuple(
    warmed(fraction, RATES[:3] if fraction <= 0.1 else RATES[1:4], training__steps=LONG) for fraction in FRACTIONS
)
LONG_NONE, LONG_TENTH = AT_LONG[0], AT_LONG[4]

# Late decay: one rate, so that all steps before the branch are the same.
LATE = {"rates": (4e-3,), "training__steps": LONG, "schedule__warmup__fraction": 0.1}
FALL = arm("fall over the last 36 %", **LATE, schedule__decay__name="trapezoid", schedule__decay__fall_fraction=0.4)
COOLED = arm("high until the last 9 %", **LATE, schedule__decay__name="trapezoid", schedule__decay__fall_fraction=0.1)
HIGH = arm("high to the end", **LATE, schedule__decay__name="constant")

SHAPE = {"schedule__decay__name": "trapezoid", "schedule__decay__fall_fraction": 0.4}
WHOLE = arm("rise, plateau, fall", RATES, **SHAPE, schedule__warmup__fraction=0.1)
NO_RISE = arm("without the rise", RATES, **SHAPE, schedule__warmup__fraction=0.0)
NO_PLATEAU = arm("without the plateau", RATES, schedule__warmup__fraction=0.1)
NO_FALL = arm("without the fall", RATES, schedule__decay__name="constant", schedule__warmup__fraction=0.1)

RADAM = warmed(0.0, optimizer__name="radam")
GI_ADAM = warmed(0.0, optimizer__name="gi_adam")

NETWORKS = (
    arm("post-LN", RATES, schedule__warmup__fraction=0.1),
    arm("pre-LN", PRE_RATES, schedule__warmup__fraction=0.1, model__norm="pre"),
    arm("narrower", RATES, schedule__warmup__fraction=0.1, model__width=16),
    arm("smaller batches", (1e-3, *RATES), schedule__warmup__fraction=0.1, training__batch_size=4),
)
_RAMP = {"schedule__decay__name": "ramp", "schedule__warmup__shape": "none"}
RAMPS = (
    arm("ramp, post-LN", **_RAMP),
    arm("ramp, pre-LN", **_RAMP, model__norm="pre"),
    arm("ramp, narrower", **_RAMP, model__width=16),
    arm("ramp, smaller batches", **_RAMP, training__batch_size=4),
)

NOAM = arm(
    "noam, 4,000 steps of warmup", training__steps=LONGEST, schedule__decay__name="noam", schedule__warmup__steps=4000
)
NOAM_SCALED = arm(
    "noam, warmup scaled to the run", training__steps=LONG, schedule__decay__name="noam", schedule__warmup__fraction=0.1
)


def scheduled(name: str, decay: str, fraction: float) -> Arm:
    """An arm of the study `schedules`."""
    return arm(name, RATES, "schedules", schedule__decay__name=decay, schedule__warmup__fraction=fraction)


WARMUP_SCHEDULE = scheduled("warmup", "warmup_inverse_time", 0.1)
FALLING = tuple(scheduled(decay, decay, 0.0) for decay in ("cosine", "exponential", "piecewise"))

HALF_WAY = "Memory of early sentences is read while the network is still learning, after a few passes at most."
ONE_RATE = "One peak rate, the best of 10 % warmup in the pilot."
SMALL_BATCHES = "Warmup of 10 % is 20 steps here."

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "early-overfitting",
        "Warmup reduces overfitting to the first mini-batches.",
        NOTES,
        f"Memorisation at matched held-out loss: {MEMORISATION.words}. Post-LN, peak rate 8e-3, 200 steps.",
        three_arms(MEMORISATION, 8e-3, 0.02),
        (
            *three_arms(MEMORISATION, 4e-3, 0.02, ", peak rate 4e-3"),
            *three_arms(MEMORISATION, 1.6e-2, 0.02, ", pre-LN", model__norm="pre"),
        ),
        (ONE_RATE, HALF_WAY),
        "memorisation",
    ),
    Claim(
        "distribution-stability",
        "Warmup keeps the output distribution steadier in the early phase.",
        NOTES,
        f"KL path length: {KL_PATH.words}. Post-LN, peak rate 8e-3, 200 steps.",
        three_arms(KL_PATH, 8e-3, 0.1),
        (
            *three_arms(KL_PATH, 4e-3, 0.1, ", peak rate 4e-3"),
            *three_arms(KL_PATH, 1.6e-2, 0.1, ", pre-LN", model__norm="pre"),
        ),
        (ONE_RATE, "A path is measured at every step of the early window and at every 16th afterwards."),
        "distribution_path",
    ),
    Claim(
        "deep-layers",
        "Warmup keeps deep layers steadier, more than shallow ones.",
        NOTES,
        f"Difference in differences: {DEPTH.words}, without warmup minus with it. Post-LN, peak rate 8e-3, 200 steps.",
        three_arms(DEPTH, 8e-3, 0.02),
        (
            *three_arms(DEPTH_ENCODER, 8e-3, 0.02, ", encoder"),
            *three_arms(DEPTH, 4e-3, 0.02, ", peak rate 4e-3"),
            *three_arms(DEPTH, 1.6e-2, 0.02, ", pre-LN", model__norm="pre"),
        ),
        (ONE_RATE, "Four layers a stack are not deep.", "Drift is read at equal steps, not at equal loss."),
        "depth_drift",
    ),
    Claim(
        "lost-time",
        "A large rate from the start sends the model off, and it needs long to be pulled back.",
        NOTES,
        f"Time lost: {TIME.words}; without warmup minus with 10 %. Post-LN, peak rate 8e-3, 800 steps.",
        (
            Comparison(
                "10 % warmup against no warmup at 8e-3",
                (Value(LONG_NONE.at(8e-3), TIME),),
                (Value(LONG_TENTH.at(8e-3), TIME),),
                40.0,
                "steps",
            ),
        ),
        (
            Comparison(
                "a small rate without warmup (2e-3) against a large one (8e-3)",
                (Value(LONG_NONE.at(8e-3), TIME),),
                (Value(LONG_NONE.at(2e-3), TIME),),
                40.0,
                "steps",
            ),
            at_best("final loss, 10 % warmup against no warmup, each at its own best rate", LONG_TENTH, LONG_NONE),
        ),
        ("Twice the rate that 10 % warmup likes best at this length.",),
        "lost_time",
    ),
    Claim(
        "late-decay",
        "Keeping a large rate late in training destroys stability near the optimum, so the rate must fall.",
        NOTES,
        "Final held-out loss, of arms that share all steps until one lets its rate fall. A short cool-down at the end"
        " of the other tells noise, which it removes, from lasting harm. Post-LN, peak rate 4e-3, 800 steps.",
        (
            Comparison("fall against no fall", (Value(HIGH, FINAL_LOSS),), (Value(FALL, FINAL_LOSS),), 0.05),
            Comparison(
                "fall against a high rate with a short cool-down",
                (Value(COOLED, FINAL_LOSS),),
                (Value(FALL, FINAL_LOSS),),
                0.05,
            ),
        ),
        (Comparison("the cool-down against no fall", (Value(HIGH, FINAL_LOSS),), (Value(COOLED, FINAL_LOSS),), 0.05),),
        ("Training still makes progress at its end: what is near an optimum is only as near as 800 steps come.",),
        "late_decay",
    ),
    Claim(
        "rise-plateau-fall",
        "A rate that rises, stays and falls beats its parts: no rise, no plateau, no fall.",
        NOTES,
        "Final held-out loss, each shape at its own best peak rate. Post-LN, 200 steps.",
        tuple(
            at_best(f"the whole shape against one {part.name}", WHOLE, part) for part in (NO_RISE, NO_PLATEAU, NO_FALL)
        ),
        caveats=(SMALL_BATCHES,),
        figure="shapes",
    ),
    Claim(
        "ten-percent",
        "About 10 % of the steps is a good warmup.",
        NOTES,
        "Final held-out loss with 10 % warmup: at most 0.1 nats above that of the best of 0, 1, 2, 5, 10, 20, 30 and"
        " 50 %, each at its own best peak rate, at 200 steps and at 800. Post-LN.",
        (
            within("10 % against the best fraction, 200 steps (margin of 0.1 nats)", TENTH, AT_SHORT),
            within("10 % against the best fraction, 800 steps (margin of 0.1 nats)", LONG_TENTH, AT_LONG),
        ),
        (
            at_best("10 % against none, 200 steps", TENTH, NONE),
            at_best("10 % against none, 800 steps", LONG_TENTH, LONG_NONE),
            at_best("50 % against 10 %, 200 steps", AT_SHORT[-1], TENTH),
            at_best("50 % against 10 %, 800 steps", AT_LONG[-1], LONG_TENTH),
        ),
        ("Runs this short are nearly all early phase, where warmup matters most.",),
        "warmup_response",
    ),
    Claim(
        "larger-rates",
        "Warmup lets the network tolerate larger learning rates.",
        f"{NOTES}; Gilmer et al. 2021; Kalra and Barkeshli 2024",
        "Learning-rate sensitivity (Wortsman et al. 2023, section 2.2) over peak rates 2e-3 to 3.2e-2: mean of the final"
        " held-out loss, at most the unigram entropy, minus the loss at the best rate; without warmup minus with 10 %."
        " Post-LN, 200 steps.",
        (sensitivity("10 % warmup against no warmup", TENTH, NONE),),
        (
            sensitivity("10 % warmup against no warmup, pre-LN", PRE_TENTH, PRE_NONE),
            sensitivity("50 % warmup against no warmup", AT_SHORT[-1], NONE),
        ),
        ("The sensitivity is that of this grid: it grows with the share of rates that are too large for both.",),
        "rate_sensitivity",
    ),
    Claim(
        "jitter-tells-rate",
        "The rate at which the loss starts to jitter in a ramp predicts a good peak rate.",
        NOTES,
        "Mean final held-out loss of four networks (post-LN, pre-LN, half the width, a quarter of the batch), each"
        " trained at the rate where the ramp of the same seed starts to jitter (see `make find-lr`): below that of the"
        " best single rate for all four, and at most 0.1 nats above that of each one's best. 10 % warmup, 200 steps.",
        (
            Comparison(
                "the jitter's rates against one rate for all",
                (CommonBest(NETWORKS),),
                (AtReadRate(NETWORKS, RAMPS),),
                0.0,
            ),
            Comparison(
                "the jitter's rates against each best rate (margin of 0.1 nats)",
                (EachBest(NETWORKS),),
                (AtReadRate(NETWORKS, RAMPS),),
                0.0,
                margin=0.1,
            ),
        ),
        (
            Comparison(
                "the rates where the ramp's loss begins to rise against one rate for all",
                (CommonBest(NETWORKS),),
                (AtReadRate(NETWORKS, RAMPS, "ramp/rise_lr"),),
                0.0,
            ),
            Comparison(
                "the rates where the ramp's loss falls fastest against one rate for all",
                (CommonBest(NETWORKS),),
                (AtReadRate(NETWORKS, RAMPS, "ramp/steepest_fall_lr"),),
                0.0,
            ),
        ),
        (
            "Between rates of the grid the loss is interpolated.",
            "A ramp of 200 steps from 1e-5 to 1; its length was not varied.",
        ),
        "jitter_rates",
    ),
    Claim(
        "schedules",
        "Of the notes' four schedules, the one with warmup trains best.",
        NOTES,
        "Final held-out loss, each schedule at its own best peak rate: warmup (10 %, then the inverse of the step) against"
        " cosine, exponential and piecewise from the first step on. Post-LN, 200 steps.",
        tuple(at_best(f"warmup against {falling.name}", WARMUP_SCHEDULE, falling) for falling in FALLING),
        caveats=(
            "The warmup schedule falls to a tenth of its peak only, the cosine to zero: what is compared is whole schedules.",
        ),
        figure="schedule_ranking",
    ),
    Claim(
        "noam",
        "The transformer's rule with Adam (0.9, 0.98, 1e-9) trains post-LN without tuning.",
        f"{NOTES}; Vaswani et al. 2017, section 5.3",
        "Unigram entropy minus final held-out loss, with the published 4,000 steps of warmup in a run of 5,000 steps: at"
        " least 1 nat. Post-LN.",
        (Comparison("noam against word frequencies", (Entropy(NOAM),), (Value(NOAM, FINAL_LOSS),), 1.0),),
        (
            Comparison(
                "noam scaled to 800 steps against word frequencies",
                (Entropy(NOAM_SCALED),),
                (Value(NOAM_SCALED, FINAL_LOSS),),
                1.0,
            ),
            Comparison(
                "noam scaled to 800 steps against a tuned linear decay with 10 % warmup",
                (Best((LONG_TENTH,)),),
                (Value(NOAM_SCALED, FINAL_LOSS),),
                0.05,
            ),
        ),
        ("The published rule spends four fifths of this run on its warmup.",),
        "noam",
    ),
    Claim(
        "post-ln-needs-it",
        "Post-LN needs warmup, pre-LN does not.",
        "Xiong et al. 2020",
        "What 10 % warmup takes off the final held-out loss, each arm at its own best peak rate: of post-LN, and of"
        " post-LN minus that of pre-LN. 200 steps.",
        (
            at_best("10 % warmup against no warmup, post-LN", TENTH, NONE),
            Comparison(
                "the gain of post-LN against that of pre-LN",
                (Best((NONE,)), Best((PRE_TENTH,))),
                (Best((TENTH,)), Best((PRE_NONE,))),
                0.05,
            ),
        ),
        (
            at_best("10 % warmup against no warmup, pre-LN", PRE_TENTH, PRE_NONE),
            at_best("50 % warmup against no warmup, post-LN", AT_SHORT[-1], NONE),
        ),
        (SMALL_BATCHES,),
        "phase_diagram",
    ),
    Claim(
        "radam-replaces-it",
        "RAdam without warmup does what Adam does with it.",
        "Liu et al. 2020; doubted by Ma and Yarats 2021",
        "Final held-out loss of RAdam without warmup: at most 0.1 nats above that of Adam with 10 % warmup, each at its"
        " own best peak rate. Post-LN, 200 steps.",
        (within("RAdam without warmup against Adam with 10 % (margin of 0.1 nats)", RADAM, (TENTH,)),),
        (at_best("RAdam against Adam, both without warmup", RADAM, NONE),),
        (SMALL_BATCHES,),
        "optimizers",
    ),
    Claim(
        "sharpness-falls",
        "Warmup moves training to flatter regions.",
        "Kalra and Barkeshli 2024; Gilmer et al. 2021",
        f"Sharpness: {SHARPNESS.words}. Post-LN, peak rate 8e-3, 200 steps.",
        three_arms(SHARPNESS, 8e-3, 0.1),
        caveats=(ONE_RATE, "Sharpness is that of the loss on one batch, at equal steps."),
        figure="sharpness",
    ),
    Claim(
        "init-replaces-it",
        "Starting Adam's second moment from the first gradient does what warmup does.",
        "Kalra and Barkeshli 2024 (GI-Adam)",
        "Final held-out loss of GI-Adam without warmup: at most 0.1 nats above that of Adam with 10 % warmup, each at its"
        " own best peak rate. Post-LN, 200 steps.",
        (within("GI-Adam without warmup against Adam with 10 % (margin of 0.1 nats)", GI_ADAM, (TENTH,)),),
        (at_best("GI-Adam against Adam, both without warmup", GI_ADAM, NONE),),
        (SMALL_BATCHES,),
        "optimizers",
    ),
)


def claims_of(study: str) -> tuple[Claim, ...]:
    """The claims that a study's report carries."""
    return tuple(claim for claim in CLAIMS if claim.study == study)
