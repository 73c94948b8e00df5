"""Planned contrasts of the causal test: warmup of one part of the network alone, full rate everywhere else."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.forms import better, within
from warmuplab.claims.planned.chosen import ON_A_CLIFF, SMALL, Chosen, Planned
from warmuplab.claims.planned.place import POST, PRE, WARM, Place, equal_area, lasting

BELOW, ON_CLIFF = 8e-3, 1.6e-2
PRE_RATE = 1.6e-2
AREA_WINDOW = 0.2


def layer_claims(place: Place, _: Chosen) -> list[Planned]:
    """Claims on where in the network warmup is needed; the control has full rates everywhere and the same clock."""
    below = _parts(place, BELOW)
    cliff = _parts(place, ON_CLIFF)
    pre = _parts(place, PRE_RATE, before=True)
    return [
        Planned(
            "deep-half-suffices",
            "Is warmup of the deep half as good as that of all layers, and better than that of the shallow half?",
            "in part",
            (
                within("deep against all", below["deep"], below["all"], SMALL, place.loss),
                better("deep against shallow", below["deep"], below["shallow"], place.loss, SMALL),
            ),
        ),
        Planned(
            "any-part-suffices",
            "Below the cliff, is warmup of the shallow half, the encoder or the decoder as good as that of all layers?",
            "supported",
            tuple(
                within(f"{name} against all", below[name], below["all"], SMALL, place.loss)
                for name in ("shallow", "encoder", "decoder")
            ),
        ),
        Planned(
            "decoder-needs-it",
            "On the cliff, is warmup of the decoder alone better than of everything, of the encoder, and its controls?",
            "supported",
            tuple(
                better(f"decoder against {name}", cliff["decoder"], cliff[name], place.loss, ON_A_CLIFF)
                for name in ("all", "encoder", "longer encoder", "equal area")
            ),
        ),
        Planned(
            "embedding-alone-harms",
            "Is warmup of the embedding alone worse than none?",
            "supported",
            (
                better("post-LN, none against embedding", below["none"], below["embedding"], place.loss, SMALL),
                better("pre-LN, none against embedding", pre["none"], pre["embedding"], place.loss, SMALL),
            ),
        ),
        Planned(
            "pre-ln-any-part",
            "Does pre-LN do as well with warmup of either stack alone, or of either half, as with all?",
            "supported",
            tuple(
                within(f"{name} against all", pre[name], pre["all"], SMALL, place.loss)
                for name in ("encoder", "decoder", "deep", "shallow")
            ),
        ),
    ]


def _parts(place: Place, rate: float, before: bool = False) -> dict[str, Arm]:
    network = (PRE if before else POST) | {"training.steps": 400}

    def arm(name: str, layers: str, **longer: float) -> Arm:
        keys = lasting(longer["share"]) if longer else WARM
        return place.arm(name, network, keys, {"schedule.warmup.layers": layers}, rates=(rate,))

    parts = ("all", "none", "deep", "shallow", "encoder", "decoder", "embedding")
    area = equal_area(AREA_WINDOW) | {"schedule.warmup.layers": "decoder"}
    return {
        **{name: arm(name, name) for name in parts},
        "longer encoder": arm("longer encoder", "encoder", share=0.3),
        "equal area": place.arm("equal area", network, area, rates=(rate,)),
    }
