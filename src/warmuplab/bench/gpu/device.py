"""The parts of a bench on one GPU: members at a time, recorded steps, and the share of the device's peak."""

from dataclasses import dataclass
from typing import Any

from warmuplab.bench.plan import Plan
from warmuplab.bench.protocol import Spec
from warmuplab.bench.throughput import attempt

EAGER, REPLAYED = ("hardware.replay=false",), ("hardware.replay=true",)


@dataclass(frozen=True)
class Scale:
    """How large a population grows, and what it is made of."""

    members: tuple[int, ...]
    replayed: tuple[int, ...]
    wide: tuple[str, ...]
    """Settings of the network whose share of the peak is measured."""
    wide_members: int


ON_GPU = Scale((1, 8, 64, 256, 1024), (1, 16, 64), ("model.width=256", "model.feed_forward=1024"), 16)
DRY = Scale((1, 2), (1,), (), 2)


def over_members(plan: Plan, scale: Scale) -> list[dict[str, Any]]:
    """Populations that grow until one does not fit: the first, of one member, is a run alone."""
    measured: list[dict[str, Any]] = []
    for members in scale.members:
        result = _measured(plan, "tf32", members)
        measured.append({"members": members} | result)
        if "failed" in result:
            break
    return measured


def replayed(plan: Plan, scale: Scale) -> list[dict[str, Any]]:
    """The same with steps launched one kernel at a time and with recorded steps, in turn."""
    return [
        {"members": members, "replay": settings == REPLAYED} | _measured(plan, "tf32", members, settings)
        for members in scale.replayed
        for settings in (EAGER, REPLAYED)
    ]


def precisions(plan: Plan, scale: Scale) -> list[dict[str, Any]]:
    """A wide network in each precision, and what the device reaches in it."""
    return [
        {"precision": kind, "members": scale.wide_members} | _measured(plan, kind, scale.wide_members, scale.wide)
        for kind in ("float32", "tf32", "bfloat16")
    ]


def _measured(plan: Plan, kind: str, members: int, settings: tuple[str, ...] = ()) -> dict[str, Any]:
    spec = plan.spec(kind, members)
    result = attempt([Spec(**vars(spec) | {"overrides": (*spec.overrides, *settings)})])
    words = f"{members} members, {kind}{' '.join(['', *settings])}"
    if "failed" in result:
        plan.say(f"{words}: failed: {result['failed']}")
    else:
        (one,) = result["processes"]
        plan.say(f"{words}: {one['tokens'] / one['seconds']:,.0f} tokens/s")
    return result


PARTS = {"device-members": over_members, "device-replay": replayed, "device-mfu": precisions}
