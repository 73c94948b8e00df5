"""From planned claims to the claims of a study's report: what is said of each, beside what is fixed of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.planned.chosen import Planned

REGISTRY = "confirmatory"
NOTES, XIONG, KALRA = "notes on warmup", "Xiong et al. 2020", "Kalra and Barkeshli 2024"


@dataclass(frozen=True)
class Words:
    """What is said of a claim; nothing of it is part of what is registered."""

    statement: str
    source: str
    measure: str
    title: str
    """See `Claim.title`."""
    caveats: tuple[str, ...] = ()
    figure: str | None = None
    """See `Claim.figure`."""


def claims_of(
    study: str,
    planned: Iterable[Planned],
    words: Mapping[str, Words],
    elsewhere: Mapping[str, tuple[Comparison, ...]] | None = None,
) -> tuple[Claim, ...]:
    """The confirmatory claims that a study's report carries; `elsewhere` has more that is only described, by claim.

    Raises `ValueError` where words and planned claims are not of the same claims.
    """
    plan = {one.id: one for one in planned}
    if set(plan) != set(words):
        raise ValueError(f"{study}: words and planned claims differ in {', '.join(sorted(set(plan) ^ set(words)))}")
    return tuple(
        Claim(
            one.id,
            words[one.id].statement,
            words[one.id].source,
            words[one.id].measure,
            one.parts,
            one.elsewhere + (elsewhere or {}).get(one.id, ()),
            words[one.id].caveats,
            words[one.id].figure,
            words[one.id].title,
            study=study,
            registry=REGISTRY,
        )
        for one in plan.values()
    )
