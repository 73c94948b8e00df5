"""The registered claims: those of every study in `claims/studies/`.

To register claims, put a module there whose `CLAIMS` lists them; the README walks through an example.
"""

from importlib import import_module
from pkgutil import iter_modules

from warmuplab.claims import studies
from warmuplab.claims.claim import Claim

STUDIES = tuple(sorted(found.name for found in iter_modules(studies.__path__)))

CLAIMS: tuple[Claim, ...] = tuple(
    claim for name in STUDIES for claim in import_module(f"{studies.__name__}.{name}").CLAIMS
)
