"""What was done otherwise than registered, once runs had begun. Reports show it; an entry is never changed later."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """One of them."""

    date: str
    """`2026-12-01`"""
    claims: tuple[str, ...]
    """The ids of the claims that it concerns."""
    what: str
    """What was done, and instead of what."""
    why: str


DEVIATIONS: tuple[Deviation, ...] = ()
