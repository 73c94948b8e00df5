"""The contenders, in turn, and how much of the peak of matrix products they reach."""

from typing import Any

from warmuplab.bench.contenders import NAMES, OURS
from warmuplab.bench.plan import MEMBERS, Plan
from warmuplab.bench.protocol import FailedError, Spec, together
from warmuplab.bench.ratios import rate
from warmuplab.bench.work import check, only_ours

WIDTHS = {64: ("model.width=64", "model.feed_forward=256"), 128: ("model.width=128", "model.feed_forward=512")}


def specs(plan: Plan, contender: str) -> list[Spec]:
    """The processes of one of `NAMES`."""
    if contender == "trainer":
        return [plan.spec("trainer", threads=plan.workers)]
    if contender == "single":
        return plan.one_per_core("sweep")
    if contender == "trainer_per_core":
        return plan.one_per_core("trainer")
    return plan.one_per_core(contender, 1 if contender == "tutorial" else MEMBERS)


def contenders(plan: Plan) -> list[dict[str, Any]]:
    """Every contender in every round: what its processes said, or why it failed."""
    measured = []
    for number in range(1, plan.rounds + 1):
        turn = number % len(NAMES)  # none is always the first after another
        for contender, name in [*list(NAMES.items())[turn:], *list(NAMES.items())[:turn]]:
            other = contender not in OURS and only_ours(check(plan.overrides))
            result = {"failed": other} if other else attempt(specs(plan, contender))
            plan.say(f"round {number} of {plan.rounds}  {name}: {_in_words(result)}")
            measured.append({"round": number, "contender": contender} | result)
    return measured


def attempt(specs: list[Spec]) -> dict[str, Any]:
    """`processes`, what each says, or `failed`, why they gave nothing."""
    try:
        return {"processes": together(specs)}
    except FailedError as error:
        return {"failed": str(error)}


def utilisation(plan: Plan) -> list[dict[str, Any]]:
    """At each width the bare sweep and, under the same load, the products of its sizes and a large one."""
    measured = []
    for width, overrides in WIDTHS.items():
        wide = Plan(**vars(plan) | {"overrides": (*plan.overrides, *overrides), "steps": max(1, plan.steps // 4)})
        sweep = attempt(wide.one_per_core("sweep", MEMBERS))
        products = attempt(wide.one_per_core("products"))
        plan.say(f"width {width}: sweep {_in_words(sweep)}; products {_peak_in_words(products)}")
        measured.append({"width": width, "sweep": sweep, "products": products})
    return measured


def peaks(products: dict[str, Any]) -> dict[str, float]:
    """Operations per second of all processes together, by size."""
    processes = products["processes"]
    return {name: sum(one["rates"][name] for one in processes) for name in processes[0]["rates"]}


def _in_words(result: dict[str, Any]) -> str:
    if "failed" in result:
        return f"failed: {result['failed']}"
    return f"{rate(result['processes']):,.0f} tokens/s"


def _peak_in_words(products: dict[str, Any]) -> str:
    if "failed" in products:
        return f"failed: {products['failed']}"
    return f"{max(peaks(products).values()) / 1e9:,.0f} billion operations/s"
