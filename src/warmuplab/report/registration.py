"""What a report says of the registration of its claims: their hashes, and what was done otherwise."""

from collections.abc import Sequence

from warmuplab.base.words import listed
from warmuplab.claims.claim import Claim
from warmuplab.claims.registration import PLACE, hash_of
from warmuplab.claims.studies.deviations import DEVIATIONS, Deviation


def registration_section(claims: Sequence[Claim], deviations: Sequence[Deviation] = DEVIATIONS) -> list[str]:
    """The paragraphs; none where no claim is registered."""
    fixed = [claim for claim in claims if claim.registry]
    if not fixed:
        return []
    hashed = listed(f"{claim.id} `{hash_of(claim)}`" for claim in fixed)
    ids = {claim.id for claim in fixed}
    noted = [one for one in deviations if ids & set(one.claims)]
    return [
        "## Registration",
        "Arms, rates, seeds, measures, margins and parts were committed before the runs, as the entries of"
        f" `{PLACE}`: {hashed}. The commits that the runs were trained at, which the manifest names, hold them.",
        "What was done otherwise: " + ("nothing." if not noted else ""),
        *(["\n".join(_line(one) for one in noted)] if noted else []),
    ]


def done_otherwise(claim: Claim, deviations: Sequence[Deviation] = DEVIATIONS) -> list[str]:
    """What was done otherwise for one claim, in a paragraph; none for a claim that is not registered."""
    if not claim.registry:
        return []
    noted = [f"{one.date}: {one.what} Reason: {one.why}" for one in deviations if claim.id in one.claims]
    return [f"Done otherwise than registered: {' '.join(noted) or 'nothing.'}"]


def _line(one: Deviation) -> str:
    return f"- {one.date}, {listed(f'`{claim}`' for claim in one.claims)}: {one.what} Reason: {one.why}"
