"""Arms are told apart by all that varies in their warmup."""

from pathlib import Path

from support.synthetic_study import leave
from warmuplab.base.words import warmup_label, warmup_phrase
from warmuplab.report.tables import result_table
from warmuplab.study import collect, roles

EQUAL_AREA = {"schedule__warmup__shape": "equal_area", "schedule__warmup__fraction": 0.1}


def test_equal_area_over_two_windows_are_two_arms(tmp_path: Path) -> None:
    """The control of memorisation and that of the early window, beside warmup and none."""
    for warmup in (
        {"schedule__warmup__fraction": 0.0},
        {"schedule__warmup__fraction": 0.1},
        EQUAL_AREA | {"schedule__warmup__window": 0.05},
        EQUAL_AREA | {"schedule__warmup__window": 0.2},
    ):
        leave(tmp_path / "outputs", **warmup)
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    arms = roles.arrange(study)
    controls = ["equal early area (10 %), over 5 %", "equal early area (10 %), over 20 %"]
    assert set(arms.warmups) == {"none", "10 %", *controls}
    text = result_table(arms).markdown()
    assert all(text.count(f"| {label} |") == 1 for label in controls)


def test_windows_alone_tell_arms_apart(tmp_path: Path) -> None:
    for window in (0.05, 0.2):
        leave(tmp_path / "outputs", **EQUAL_AREA, schedule__warmup__window=window)
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert roles.arrange(study).warmups == ["window 0.05", "window 0.2"]


def test_the_window_is_said_where_it_is_told() -> None:
    assert warmup_label("equal_area", 0.1) == "equal early area (10 %)"
    assert warmup_label("equal_area", 0.1, window=0.05) == "equal early area (10 %), over 5 %"
    assert warmup_phrase(warmup_label("equal_area", window=0.05)) == "no warmup, equal early area, over 5 %"
