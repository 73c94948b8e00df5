"""The names of registries, which are no names of studies: both have a folder in `results/` and are typed as STUDY."""

from collections.abc import Sequence

from warmuplab.base.errors import ConfigError
from warmuplab.claims.claim import Claim
from warmuplab.claims.judge import studies_of
from warmuplab.claims.registry import CLAIMS
from warmuplab.config.compose import CONFIG_FOLDER


def registries(claims: Sequence[Claim] = CLAIMS) -> list[str]:
    """The names of all registries. Raises `ConfigError` for one that is the name of a study."""
    names = list(dict.fromkeys(claim.registry for claim in claims if claim.registry))
    files = {path.stem for path in (CONFIG_FOLDER / "study").glob("*.yaml")}
    for name in names:
        if name in files or name in studies_of(claims) or name in {claim.study for claim in claims}:
            problem = "the name of a study too, and one report would be written over the other"
            raise ConfigError("registry", name, problem, "rename the study, or the registry of its claims")
    return names


def check_is_study(name: str, claims: Sequence[Claim] = CLAIMS) -> None:
    """Raise `ConfigError` for the name of a registry, where a study is asked for."""
    if name in registries(claims):
        studies = studies_of([claim for claim in claims if claim.registry == name])
        raise ConfigError("STUDY", name, "a registry, which has a report and no runs", f"use {' or '.join(studies)}")


def check_free(name: str, field: str = "study") -> None:
    """Raise `ConfigError` for a study that is to be trained under the name of a registry."""
    if name in registries():
        problem = "the name of a registry of claims, whose report is in results/ under that name"
        raise ConfigError(field, name, problem, "give the study another name")
