"""Where the confirmatory claims find their runs: rates and levels that the pilot chose, and studies on fresh seeds.

The width of the network is no part of what picks an arm where a study has one network only: the same file trains a
wider one, and the same claims are asked of it.
"""

from warmuplab.claims.planned.chosen import Chosen
from warmuplab.claims.planned.place import Place
from warmuplab.claims.planned.settings import settings
from warmuplab.claims.terms import TEST_LOSS

CHOSEN = Chosen(
    fixed=4e-3,
    largest=8e-3,
    best=5.66e-3,
    best_warm=5.66e-3,
    twice_best=1.13e-2,
    pre_fixed=1.6e-2,
    pre_best=8e-3,
    pre_best_warm=1.6e-2,
    pre_twice=1.6e-2,
    pre_large=2.26e-2,
    sgd_best=0.4,
    sgd_best_warm=0.4,
    best_16=8e-3,
    best_16_warm=1.6e-2,
    best_64=4e-3,
    best_64_warm=4e-3,
    best_128=2e-3,
    best_128_warm=2e-3,
    rival=((200, 0.3), (800, 0.3), (3200, 0.3)),
    level=0.5,
    level_pre=1.5,
    level_quick=0.25,
    level_late=1.5,
)
"""As `results/pilot/report.md` derives them."""
FIRST = 10  # of the seeds: those below were the first generation's


def confirming(study: str, seeds: int, several_widths: bool = False) -> Place:
    """A confirmatory study of so many seeds, whose final losses are read on the test split."""
    return Place(study, tuple(range(FIRST, FIRST + seeds)), TEST_LOSS, several_widths)


RATES = confirming("confirm_rates", 32)
DECAYS = confirming("confirm_decays", 32)
EARLY = confirming("confirm_early", 16)
OVERFITTING = confirming("confirm_overfitting", 24)
LAYERS = confirming("confirm_layers", 32)
LENGTH = confirming("confirm_length", 32)
OPTIMIZERS = confirming("confirm_optimizers", 32)
WIDTH = confirming("confirm_width", 16, several_widths=True)
JITTER = confirming("confirm_jitter", 16, several_widths=True)

ELSEWHERE = settings(WIDTH, OVERFITTING, CHOSEN)
"""The main claims in other settings, by claim."""
