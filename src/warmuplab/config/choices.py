"""Which option of each group a command line chooses."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

from warmuplab.base.errors import ConfigError
from warmuplab.config import known
from warmuplab.config.overrides import as_typed


def check(overrides: Sequence[str]) -> None:
    """Raise `ConfigError` for a group that is given a list: Hydra would merge its options, or fail in its own words.

    Raises what Hydra raises for an override that cannot be read.
    """
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        group, value = override.key_or_group, override.value()
        if override.is_sweep_override() or not isinstance(value, list):
            continue
        if group in known.groups() or "/" in group:
            options = known.groups().get(group, ())
            remedy = f"choose one of {', '.join(options)}" if options else f"type {group}=OPTION"
            wanted = [option for option in options if option in value]
            if len(wanted) > 1:
                remedy += f", or train each of them: -m {group}={','.join(wanted)}"
            raise ConfigError(group, as_typed(value), "a list of options, but it takes one", remedy)
