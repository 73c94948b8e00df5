"""Sections of the report of a GPU."""

from typing import Any

from warmuplab.bench.page.markdown import failure, table
from warmuplab.population.flops import utilisation

Values = list[dict[str, Any]]


def _rate(value: dict[str, Any]) -> float | None:
    if "failed" in value:
        return None
    (one,) = value["processes"]
    return float(one["tokens"] / one["seconds"])


def _members(values: Values) -> str:
    alone, rows = _rate(values[0]), []
    for value in values:
        rate = _rate(value)
        if rate is None:
            rows.append([str(value["members"]), failure(value["failed"]), "", "", ""])
            continue
        (one,) = value["processes"]
        memory = "-" if one["device_memory"] is None else f"{one['device_memory'] / 1e9:.1f}"
        step = 1000 * one["seconds"] / one["steps"]
        rows.append(
            [str(value["members"]), f"{rate:,.0f}", f"{rate / alone:.1f}" if alone else "-", f"{step:.1f}", memory]
        )
    heads = ["members", "tokens/s", "x one run at a time", "ms per step", "device memory, GB"]
    return (
        "## Members at a time\n\nA bare population, products in TF32, from the end of the warm-up; source and target"
        f" tokens of all members, without padding.\n\n{table(heads, rows)}"
    )


def _replay(values: Values) -> str:
    rates = {(value["members"], value["replay"]): _rate(value) for value in values}
    why = {(value["members"], value["replay"]): value.get("failed") for value in values}
    rows = []
    for members in dict.fromkeys(value["members"] for value in values):
        eager, recorded = rates[members, False], rates[members, True]
        said = [
            failure(why[members, on]) if rate is None else f"{rate:,.0f}"
            for on, rate in ((False, eager), (True, recorded))
        ]
        rows.append([str(members), *said, f"{recorded / eager:.2f}" if eager and recorded else "-"])
    heads = ["members", "eager, tokens/s", "replayed, tokens/s", "x"]
    return (
        "## Recorded steps\n\n*Eager*: each kernel launched from Python. *Replayed* (`hardware.replay=true`): a step"
        f" recorded once per bucket and launched as one.\n\n{table(heads, rows)}"
    )


def _precisions(values: Values) -> str:
    rows = []
    for value in values:
        if "failed" in value:
            rows.append([value["precision"], failure(value["failed"]), "", "", ""])
            continue
        (one,) = value["processes"]
        share = utilisation(one["flops"], one["seconds"], one["peak"])
        useful, peak = (f"{rate / 1e12:,.2f}" for rate in (one["flops"] / one["seconds"], one["peak"]))
        rows.append([value["precision"], f"{_rate(value):,.0f}", useful, peak, f"{share:.1%}"])
    heads = ["precision of products", "tokens/s", "useful operations/s, 10^12", "peak, 10^12", "MFU"]
    return (
        "## Share of the device's peak\n\nA wide network, of the members that the raw numbers name. *Useful*: what the"
        " products of the tokens need, by formula. *Peak*: a large square product on the same device in the same"
        f" precision. *MFU*: one over the other.\n\n{table(heads, rows)}"
    )


DEVICE_SECTIONS = {"device-members": _members, "device-replay": _replay, "device-mfu": _precisions}
