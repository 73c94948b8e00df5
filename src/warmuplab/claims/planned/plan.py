"""Every planned claim: what is registered, and what the pilot says how many seeds it takes."""

from collections.abc import Callable, Mapping

from warmuplab.claims.planned.chosen import Chosen, Planned
from warmuplab.claims.planned.decays import decay_claims
from warmuplab.claims.planned.early import early_claims, overfitting_claims
from warmuplab.claims.planned.layers import layer_claims
from warmuplab.claims.planned.length import length_claims
from warmuplab.claims.planned.optimizers import optimizer_claims
from warmuplab.claims.planned.place import PILOT, Place
from warmuplab.claims.planned.rates import rate_claims
from warmuplab.claims.planned.widths import jitter_claims, width_claims

GROUPS: Mapping[str, Callable[[Place, Chosen], list[Planned]]] = {
    "rates": rate_claims,
    "decays": decay_claims,
    "early": early_claims,
    "overfitting": overfitting_claims,
    "layers": layer_claims,
    "length": length_claims,
    "optimizers": optimizer_claims,
    "width": width_claims,
    "jitter": jitter_claims,
}
"""By the study that they become part of: `confirm_rates` and so on."""


def plan(at: Chosen, place: Place = PILOT) -> list[Planned]:
    """Every claim that is to be registered, at rates and levels that were chosen, read at one place."""
    return [planned for claims in GROUPS.values() for planned in claims(place, at)]
