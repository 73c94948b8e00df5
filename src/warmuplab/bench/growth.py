"""How time and memory grow with members, with steps and with runs."""

import subprocess
import sys
import tempfile
import time
from typing import Any

from warmuplab.bench.plan import Plan
from warmuplab.bench.protocol import Spec
from warmuplab.bench.throughput import attempt

MEMBERS = (1, 2, 4, 8, 16)
STEPS = (50, 400)
PROBES = ("none", "default")
RUNS = (16, 64, 256)
MEMBER_STEPS = 6
SMALL = ("model.width=16", "model.heads=2", "model.depth=1", "model.feed_forward=32", "training.batch_size=8")
SHORT = (*SMALL, "training.steps=20", "probes=none", "tracker=none", "hardware=cpu")
TYPED = "import sys; from warmuplab.commands.main import main; sys.exit(main())"


def over_members(plan: Plan) -> list[dict[str, Any]]:
    """One process, one thread, nothing beside it: a bare population of each size."""
    measured, steps = [], min(plan.steps, MEMBER_STEPS)
    for members in MEMBERS:
        result = attempt([plan.spec("sweep", members, steps=steps)])
        plan.say(f"{members} members: {_memory(result)}")
        measured.append({"members": members, "steps": steps} | result)
    return measured


def per_member_step(value: dict[str, Any]) -> float:
    """Seconds of a step of one member, of a value of `over_members`."""
    return float(value["processes"][0]["seconds"] / value["members"] / value["steps"])


def over_steps(plan: Plan) -> list[dict[str, Any]]:
    """What a small population holds in memory early and late in one training, without and with the default probes."""
    measured, (early, late) = [], STEPS
    for probes in PROBES:
        spec = plan.spec("memory", 2, steps=late - early)
        told = (*spec.overrides, *SMALL, f"probes={probes}", "tracker=none")
        result = attempt([Spec(**vars(spec) | {"overrides": told, "warm_up": early})])
        plan.say(f"probes={probes}: {_resident(result)}")
        measured.append({"probes": probes} | result)
    return measured


def over_runs(plan: Plan) -> list[dict[str, Any]]:
    """Sweeps of short small runs, end to end: from the command to its last line."""
    measured = []
    for runs in (n for n in RUNS if n <= plan.most_runs):
        result = _sweep(plan, runs)
        plan.say(f"{runs} runs: {result.get('failed') or format(result['seconds'], '.1f') + ' s'}")
        measured.append({"runs": runs} | result)
    return measured


def _sweep(plan: Plan, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as outputs:
        told = [*plan.overrides, *SHORT, f"seed=range({runs})", f"outputs={outputs}"]
        workers = f"hydra.launcher.workers={plan.workers}"
        began = time.perf_counter()
        finished = subprocess.run(
            [sys.executable, "-c", TYPED, "train", "-m", *told, workers], capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - began
    if finished.returncode:
        lines = finished.stderr.strip().splitlines()
        return {"failed": lines[-1] if lines else f"ended with status {finished.returncode}"}
    return {"seconds": seconds}


def _memory(result: dict[str, Any]) -> str:
    if "failed" in result:
        return f"failed: {result['failed']}"
    (one,) = result["processes"]
    return f"{one['seconds']:.1f} s, {one['peak_memory'] / 1e6:,.0f} MB"


def _resident(result: dict[str, Any]) -> str:
    if "failed" in result:
        return f"failed: {result['failed']}"
    (one,) = result["processes"]
    return ", ".join(f"{held / 1e6:,.1f} MB after {steps} steps" for steps, held in one["resident"].items())
