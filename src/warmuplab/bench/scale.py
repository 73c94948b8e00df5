"""How more workers, and more runs to collect, pay: efficiency of workers, time and memory of collecting."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from warmuplab.base.errors import ConfigError
from warmuplab.bench.copies import multiply
from warmuplab.bench.growth import SMALL, TYPED
from warmuplab.bench.plan import MEMBERS, Plan
from warmuplab.bench.throughput import attempt
from warmuplab.study import collect

STUDY = "single"
COLLECTED = (1000, 4000)
TRAINED = (*SMALL, "training.steps=60", "probes=default", "tracker=none", "hardware=cpu", "keep_weights=false")


def workers(plan: Plan) -> list[dict[str, Any]]:
    """One worker alone, then as many as there are cores, in every round; who is the first changes."""
    measured: list[dict[str, Any]] = []
    for number in range(1, plan.rounds + 1):
        for count in sorted({1, plan.workers}, reverse=number % 2 == 0):
            specs = [plan.spec("sweep", MEMBERS, first_seed=MEMBERS * worker) for worker in range(count)]
            result = attempt(specs)
            plan.say(f"round {number} of {plan.rounds}  {count} at a time: {_in_words(result)}")
            measured.append({"round": number, "workers": count} | result)
        plan.keep(measured)
    return measured


def collecting(plan: Plan) -> list[dict[str, Any]]:
    """Collecting so many runs, each time in a fresh process: copies of one that is trained for it."""
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder) / "outputs"
        told = [*plan.overrides, *TRAINED, f"outputs={outputs}"]
        _call("-c", TYPED, "train", *told)
        (run,) = [path.parent for path in outputs.glob("*/*/summary.json")]
        there = 1
        for runs in COLLECTED:
            multiply(run, runs - there, first_seed=1_000_000 + there)
            there = runs
            result = json.loads(_call("-m", "warmuplab.bench.scale", str(outputs), str(Path(folder) / "results")))
            plan.say(f"{runs} runs: {result['processor']:.1f} s of processor time")
            measured.append({"runs": runs} | result)
            plan.keep(measured)
    return measured


def efficiency(value: dict[str, Any], alone: dict[str, Any], seconds: str) -> float:
    """Share of the pace of a worker `alone` that each of several keeps, by their `seconds` or `processor` time."""
    (one,) = alone["processes"]
    paces = [each["tokens"] / each[seconds] for each in value["processes"]]
    return float(sum(paces) / len(paces) / (one["tokens"] / one[seconds]))


def _call(*arguments: str) -> str:
    """What a Python process prints. Raises `ConfigError` where it fails."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        why = said[-1] if said else f"ended with status {done.returncode}"
        raise ConfigError("--parts", "collecting", f"not measured: {why}", "change the settings of the run")
    return done.stdout


def _in_words(result: dict[str, Any]) -> str:
    if "failed" in result:
        return f"failed: {result['failed']}"
    return ", ".join(f"{each['tokens'] / each['seconds']:,.0f} tokens/s" for each in result["processes"])


def main(outputs: str, results: str) -> int:
    """Collect the study in `outputs`, and print what it took."""
    began = time.perf_counter()
    collect.update(STUDY, Path(outputs), Path(results))
    wall = time.perf_counter() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    told = {
        "seconds": wall,
        "processor": sum(each.ru_utime + each.ru_stime for each in used),
        "peak_memory": 1024 * max(each.ru_maxrss for each in used),
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
