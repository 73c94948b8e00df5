"""The time plan in the pilot's file is what its grids come to."""

import re

import pytest

from support.composing import ROOT
from support.costs import MEMBER_STEPS_PER_MINUTE, cost_of
from support.study_runs import runs_by_grid

TEXT = (ROOT / "conf" / "study" / "pilot.yaml").read_text(encoding="utf-8")
ROW = re.compile(r"^#   (\w[\w ,-]*?) +(\d+) grids? +(\d+) runs +([\d,]+) +([\d.]+)$", re.MULTILINE)


def test_the_plan_counts_runs_and_costs_by_grid() -> None:
    grids = list(runs_by_grid("pilot"))
    for _, count, runs, cost, minutes in ROW.findall(TEXT):
        here, grids = grids[: int(count)], grids[int(count) :]
        assert sum(map(len, here)) == int(runs)
        found = sum(cost_of(run.config) for grid in here for run in grid)
        assert float(cost.replace(",", "")) == pytest.approx(found, rel=0.02, abs=100)
        assert float(minutes) == pytest.approx(found / MEMBER_STEPS_PER_MINUTE, abs=0.06)
    assert grids == []


def test_it_fits_into_an_hour_and_says_its_sum() -> None:
    grids = runs_by_grid("pilot")
    found = sum(cost_of(run.config) for grid in grids for run in grid)
    assert found / MEMBER_STEPS_PER_MINUTE < 60
    (total,) = re.findall(r"^# In all (\d+) runs, ([\d,]+) steps", TEXT, re.MULTILINE)
    assert int(total[0]) == sum(map(len, grids))
    assert float(total[1].replace(",", "")) == pytest.approx(found, rel=0.02)
