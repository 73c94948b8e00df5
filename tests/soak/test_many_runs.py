"""A study of 20,000 runs is collected, shown and bounded: processor time and memory, as other programs run here too."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.synthetic_study import leave
from warmuplab.bench.copies import multiply
from warmuplab.dashboard.page import write_dashboard
from warmuplab.dashboard.sample import MOST_RUNS
from warmuplab.study import results

RUNS = 20_000
MOST_PROCESSOR_SECONDS, MOST_MEMORY = 180, 2e9  # of two cores for 90 s
MOST_BYTES = 15_000_000  # of the page

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def test_twenty_thousand_runs(tmp_path: Path) -> None:
    arms = [(norm, rate) for norm in ("post", "pre") for rate in (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)]
    for norm, rate in arms:
        keys = {"model__norm": norm, "schedule__peak_lr": rate, "training__steps": 200}
        run = leave(tmp_path / "outputs", "stuck" if rate > 1e-2 else "trained", "single", **keys)
        multiply(run.directory, RUNS // len(arms) - 1)
    command = [sys.executable, "-m", "warmuplab.bench.scale", str(tmp_path / "outputs"), str(tmp_path / "results")]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(told)
    study = results.load("single", tmp_path / "results")
    assert len(study.runs) == RUNS
    assert told["processor"] < MOST_PROCESSOR_SECONDS
    assert told["peak_memory"] < MOST_MEMORY
    page = write_dashboard(study)
    assert page.stat().st_size < MOST_BYTES
    assert f"this page shows {MOST_RUNS:,} of {RUNS:,} runs" in page.read_text()
