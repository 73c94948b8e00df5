"""Which runs keep their trained weights: what `keep_weights=auto` becomes."""

import copy

from warmuplab.config.schema import RunConfig


def decided(config: RunConfig, *, single: bool) -> RunConfig:
    """`config` with true or false for `keep_weights=auto`: true where a `single` run was asked for, not a sweep."""
    if config.keep_weights != "auto":
        return config
    config = copy.copy(config)  # which carries the schedule that is built already
    config.keep_weights = single
    return config
