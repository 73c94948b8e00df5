"""The contenders, in turn, and how much of the peak of matrix products they reach."""

from dataclasses import replace
from typing import Any

from warmuplab.bench.contenders import NAMES, OURS
from warmuplab.bench.plan import MEMBERS, Plan
from warmuplab.bench.protocol import FailedError, Spec, together
from warmuplab.bench.ratios import rate
from warmuplab.bench.work import check, only_ours

FEED_FORWARD = {64: 256, 128: 512}  # by width: four times as wide, as in the transformer paper


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
        plan.keep(measured)
    return measured


def attempt(specs: list[Spec]) -> dict[str, Any]:
    """`processes`, what each says, or `failed`, why they gave nothing."""
    try:
        return {"processes": together(specs)}
    except FailedError as error:
        return {"failed": str(error)}


def utilisation(plan: Plan) -> list[dict[str, Any]]:
    """At each width, in every round, the bare sweep and, under the same load, products of its sizes and a large one."""
    measured: list[dict[str, Any]] = []
    for number in range(1, plan.rounds + 1):
        for width, feed_forward in FEED_FORWARD.items():
            told = (*plan.overrides, f"model.width={width}", f"model.feed_forward={feed_forward}")
            wide = replace(plan, overrides=told, steps=max(1, plan.steps // 8))
            result = _sweep_and_products(wide, products_first=number % 2 == 0)
            words = f"sweep {_in_words(result['sweep'])}; products {_peak_in_words(result['products'])}"
            plan.say(f"round {number} of {plan.rounds}  width {width}: {words}")
            measured.append({"round": number, "width": width, "feed_forward": feed_forward} | result)
        plan.keep(measured)
    return measured


def _sweep_and_products(plan: Plan, *, products_first: bool) -> dict[str, Any]:
    if products_first:  # a machine that gets slower or faster favours neither over the rounds
        products = attempt(plan.one_per_core("products"))
        return {"sweep": attempt(plan.one_per_core("sweep", MEMBERS)), "products": products}
    return {"sweep": attempt(plan.one_per_core("sweep", MEMBERS)), "products": attempt(plan.one_per_core("products"))}


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
