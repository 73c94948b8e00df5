"""Power is what simulated tests find, and the seeds it asks for are the fewest."""

import numpy as np
import pytest
from scipy import stats

from warmuplab.claims.families import ALPHA
from warmuplab.claims.power import MOST, claim_power, power, seeds_needed, upper_spread
from warmuplab.claims.statistics import sign_flip_p


@pytest.mark.parametrize(("effect", "seeds"), [(1.0, 10), (1.0, 16), (0.7, 16), (0.8, 20)])
@pytest.mark.parametrize("level", [ALPHA, ALPHA / 20])
def test_it_is_the_share_of_simulated_studies_that_find_the_effect(effect: float, seeds: int, level: float) -> None:
    """Measured over 20,000 each: at most 0.02 apart, where 2^-seeds is well below the level."""
    if 2.0**-seeds > level / 4:
        pytest.skip("p-values are too coarse there: power is less")
    d = 2.0 * np.random.default_rng(seeds).normal(effect, 1, (2000, seeds))
    found = (sign_flip_p(d, "greater") <= level).mean()
    assert power(2 * effect, 2.0, seeds, level) == pytest.approx(found, abs=0.05)


def test_too_few_seeds_for_the_level_have_no_power() -> None:
    assert power(100.0, 1.0, 9, 2.0**-10) == 0
    assert power(100.0, 1.0, 11, 2.0**-10) > 0.99
    assert power(0.1, 0.0, 16, 0.01) == 1
    assert power(0.0, 0.0, 16, 0.01) == 0
    assert power(0.0, 1.0, 16, 0.01) == pytest.approx(0.01)


def test_a_claim_of_several_parts_misses_at_most_what_they_miss_in_sum() -> None:
    one = power(1.0, 1.0, 16, ALPHA / 20)
    assert claim_power([1.0], [1.0], 16, 20) == pytest.approx(one)
    assert claim_power([1.0, 1.0], [1.0, 1.0], 16, 20) == pytest.approx(1 - 2 * (1 - one))
    assert claim_power([0.1] * 4, [1.0] * 4, 16, 20) == 0


@pytest.mark.parametrize(("effects", "spreads"), [([1.0], [1.0]), ([0.05, 0.1], [0.05, 0.2]), ([3.0], [1.0])])
def test_one_seed_less_would_not_do(effects: list[float], spreads: list[float]) -> None:
    seeds = seeds_needed(effects, spreads, 20)
    assert seeds is not None
    assert claim_power(effects, spreads, seeds, 20) >= 0.9 > claim_power(effects, spreads, seeds - 1, 20)


def test_an_effect_far_below_the_spread_asks_for_more_seeds_than_anybody_plans() -> None:
    assert seeds_needed([0.01], [1.0], 20) is None
    assert MOST >= 1000


def test_the_upper_bound_of_a_spread_holds_in_four_of_five_pilots() -> None:
    rng = np.random.default_rng(0)
    spreads = rng.normal(size=(20_000, 4)).std(axis=-1, ddof=1)
    held = np.mean([upper_spread(float(spread), 4) >= 1 for spread in spreads])
    assert held == pytest.approx(0.8, abs=0.01)
    assert upper_spread(1.0, 4) == pytest.approx(np.sqrt(3 / stats.chi2.ppf(0.2, 3)))
    with pytest.raises(ValueError, match="two seeds"):
        upper_spread(1.0, 1)


def test_an_effect_far_beyond_its_spread_is_found_for_sure() -> None:
    """The noncentral t distribution has no value there for some numbers of seeds, 19 among them."""
    for seeds in range(11, 33):
        assert power(10.0, 1.0, seeds, 0.025 / 32) == pytest.approx(1.0)
    assert seeds_needed([1.0], [0.05], 32) == seeds_needed([1.0], [0.01], 32) == 11
