"""Which runs keep their weights."""

import pytest

from support.composing import composed
from warmuplab.base.errors import ConfigError
from warmuplab.config import keeping


@pytest.mark.parametrize(("asked", "single", "kept"), [
    ("auto", True, True), ("auto", False, False), ("true", False, True), ("false", True, False),
])  # fmt: skip
def test_a_single_run_keeps_its_weights_unless_told_otherwise(asked: str, single: bool, kept: bool) -> None:
    config = composed(f"keep_weights={asked}")
    decided = keeping.decided(config, single=single)
    assert decided.keep_weights is kept
    assert config.keep_weights == {"true": True, "false": False}.get(asked, asked)  # untouched
    assert decided.built_schedule is config.built_schedule


def test_another_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="keep_weights=sometimes: unknown; choose one of auto, true, false"):
        composed("keep_weights=sometimes")
