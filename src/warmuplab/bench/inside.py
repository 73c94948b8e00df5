"""What a process does before it trains, and what one step of training is made of."""

from typing import Any

from warmuplab.bench.plan import Plan
from warmuplab.bench.protocol import Spec
from warmuplab.bench.throughput import attempt

MEMBERS = (1, 2, 8)
# A step of many takes longer, and some 100 operations more: logits are made in chunks.
FEW_SENTENCES = ("training.batch_size=8",)


def start_up(plan: Plan) -> list[dict[str, Any]]:
    """The parts of a worker's start, alone on the machine, once per round."""
    measured = []
    for _ in range(plan.rounds):
        result = attempt([plan.spec("start_up")])
        plan.say(f"start-up: {result.get('failed') or format(result['processes'][0]['start_up'], '.2f') + ' s'}")
        measured.append(result)
    return measured


def operations(plan: Plan) -> list[dict[str, Any]]:
    """Operations per step of populations of several sizes."""
    measured = []
    for members in MEMBERS:
        spec = plan.spec("operations", members)
        result = attempt([Spec(**vars(spec) | {"overrides": (*spec.overrides, *FEW_SENTENCES)})])
        plan.say(f"operations with {members} members: {result.get('failed') or result['processes'][0]['bare'][0]}")
        measured.append({"members": members} | result)
    return measured
