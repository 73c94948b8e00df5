"""The registered claims: those of every study in `claims/studies/`.

To register claims, put a module there whose `CLAIMS` lists them; the README walks through an example.
"""

from importlib import import_module
from pkgutil import iter_modules

from warmuplab.claims import studies
from warmuplab.claims.claim import Claim


def registered() -> tuple[Claim, ...]:
    """The `CLAIMS` of every module in `claims/studies/` but the log of deviations, by the name of the module."""
    names = sorted(found.name for found in iter_modules(studies.__path__) if found.name != "deviations")
    return tuple(claim for name in names for claim in import_module(f"{studies.__name__}.{name}").CLAIMS)


CLAIMS = registered()
