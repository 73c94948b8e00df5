"""The claims of the notes on warmup that the project tests, written down before any result of their runs was read.

What was added later, a peak rate and a description, is said in the caveats of its claim.
"""

from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.forms import at_best, sensitivity, tolerated, within
from warmuplab.claims.studies.claims.arms import (
    AT_LONG,
    AT_SHORT,
    COOLED,
    FALL,
    FALLING,
    HIGH,
    LONG_NONE,
    LONG_TENTH,
    NETWORKS,
    NO_FALL,
    NO_PLATEAU,
    NO_RISE,
    NOAM,
    NOAM_SCALED,
    NONE,
    ONE_RATE,
    PRE_NONE,
    PRE_TENTH,
    RAMPS,
    SMALL_BATCHES,
    TENTH,
    WARMUP_SCHEDULE,
    WHOLE,
    three_arms,
)
from warmuplab.claims.studies.claims.measures import DEPTH, DEPTH_ENCODER, KL_PATH, MEMORISATION, TIME, steps_to
from warmuplab.claims.terms import FINAL_LOSS, AtReadRate, Best, CommonBest, EachBest, Entropy, Value

NOTES = "notes on warmup"

HALF_WAY = "Memory of early sentences is read while the network is still learning, after a few passes at most."

FROM_NOTES: tuple[Claim, ...] = (
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
        (
            ONE_RATE,
            "After the early window, a fifth of the run, every 16th step is measured and stands for 16.",
        ),
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
        "A large rate from the start derails training, and recovery takes long.",
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
            *(
                Comparison(
                    f"10 % warmup against no warmup at 8e-3, {nats:g} nats below the unigram entropy",
                    (Value(LONG_NONE.at(8e-3), steps_to(nats)),),
                    (Value(LONG_TENTH.at(8e-3), steps_to(nats)),),
                    40.0,
                    "steps",
                    short=f"the level {nats:g} below",
                )
                for nats in (0.5, 1.0, 2.0)
            ),
            at_best("final loss, 10 % warmup against no warmup, each at its own best rate", LONG_TENTH, LONG_NONE),
        ),
        (
            "Twice the rate that 10 % warmup liked best at this length in the pilot.",
            "What is tested is a large rate with warmup against one without; a small rate without is described only.",
            "The other levels were added after the results were there.",
        ),
        "lost_time",
    ),
    Claim(
        "late-decay",
        "Keeping a large rate late in training destroys stability near the optimum, so the rate must fall.",
        NOTES,
        "Final held-out loss, of arms that share all steps until one lets its rate fall. A short cool-down at the end"
        " of the other tells noise, which it removes, from lasting harm. Post-LN, peak rate 4e-3, 800 steps.",
        (
            Comparison("with decay against without", (Value(HIGH, FINAL_LOSS),), (Value(FALL, FINAL_LOSS),), 0.05),
            Comparison(
                "decay against a high rate with a short cool-down",
                (Value(COOLED, FINAL_LOSS),),
                (Value(FALL, FINAL_LOSS),),
                0.05,
            ),
        ),
        (
            Comparison(
                "a short cool-down against no decay", (Value(HIGH, FINAL_LOSS),), (Value(COOLED, FINAL_LOSS),), 0.05
            ),
        ),
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
        (
            "Runs this short are nearly all early phase, where warmup matters most.",
            "The peak rate 1.6e-2 with up to 10 % warmup at 800 steps was added after the other results were there, as"
            " the best rate of 10 % lay at the edge of its grid.",
        ),
        "warmup_response",
    ),
    Claim(
        "larger-rates",
        "Warmup lets the network tolerate larger learning rates.",
        f"{NOTES}; Gilmer et al. 2021; Kalra and Barkeshli 2024",
        "Learning-rate sensitivity (Wortsman et al. 2023, section 2.2) over peak rates 2e-3 to 3.2e-2: mean of the"
        " final held-out loss, at most the unigram entropy, minus the loss at the best rate; without warmup minus with"
        " 10 %. Post-LN, 200 steps.",
        (sensitivity("10 % warmup against no warmup", TENTH, NONE),),
        (
            sensitivity("10 % warmup against no warmup, pre-LN", PRE_TENTH, PRE_NONE),
            sensitivity("50 % warmup against no warmup", AT_SHORT[-1], NONE),
            tolerated("largest rate at which a seed trains, 10 % warmup against no warmup", TENTH, NONE),
            tolerated("largest rate at which a seed trains, 50 % warmup against no warmup", AT_SHORT[-1], NONE),
        ),
        (
            "The largest rates at which a seed trains were added after the results were there.",
            "The sensitivity is that of this grid: it grows with the share of rates that are too large for both.",
            "It is measured from each arm's own best loss, so an arm that gains most at its best rate seems sensitive.",
        ),
        "rate_sensitivity",
    ),
    Claim(
        "jitter-tells-rate",
        "The rate at which the loss starts to jitter in a ramp predicts a good peak rate.",
        NOTES,
        "Mean final held-out loss of four networks (post-LN, pre-LN, half the width, a quarter of the batch), each at"
        " the rate where the ramp of the same seed starts to jitter (see `make find-lr`): below that of the"
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
            "No run was trained at the jitter's rates: between those of the grid the loss is interpolated.",
            "The test against the claim takes the one rate for all as chosen: among rates that are equally good its"
            " luck counts, and the test then errs 0.10 at 0.05.",
            "A ramp of 200 steps from 1e-5 to 1; its length was not varied.",
        ),
        "jitter_rates",
    ),
    Claim(
        "schedules",
        "Of the notes' four schedules, the one with warmup trains best.",
        NOTES,
        "Final held-out loss, each schedule at its own best peak rate: warmup (10 %, then the inverse of the step)"
        " against cosine, exponential and piecewise from the first step on. Post-LN, 200 steps.",
        tuple(at_best(f"warmup against {falling.name}", WARMUP_SCHEDULE, falling) for falling in FALLING),
        caveats=(
            "The warmup schedule falls to a tenth of its peak, the cosine to zero: whole schedules are compared.",
        ),
        figure="schedule_ranking",
    ),
    Claim(
        "noam",
        "The transformer's rule with Adam (0.9, 0.98, 1e-9) trains post-LN without tuning.",
        f"{NOTES}; Vaswani et al. 2017, section 5.3",
        "Unigram entropy minus final held-out loss, with the published 4,000 steps of warmup in a run of 5,000 steps:"
        " at least 1 nat. Post-LN.",
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
)
