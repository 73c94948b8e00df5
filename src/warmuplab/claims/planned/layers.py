"""Planned contrasts of the causal test: warmup of one part of the network alone, full rate everywhere else."""

from dataclasses import replace

from warmuplab.claims.arm import Arm
from warmuplab.claims.forms import better, within
from warmuplab.claims.planned.chosen import FEW, ON_A_CLIFF, SMALL, SMALLER, Chosen, Planned
from warmuplab.claims.planned.place import POST, PRE, WARM, Place, equal_area, lasting

BELOW, ON_CLIFF = 8e-3, 1.6e-2
PRE_RATE = 1.6e-2
AREA_WINDOW = 0.2


def layer_claims(place: Place, _: Chosen) -> list[Planned]:
    """Claims on where in the network warmup is needed; the control has full rates everywhere and the same clock."""
    below, off = layer_arms(place, BELOW, seeds=FEW), layer_arms(place, BELOW)
    cliff = layer_arms(place, ON_CLIFF)
    pre = layer_arms(place, PRE_RATE, before=True)
    return [
        Planned(
            "deep-layers-need-it",
            "Is warmup of the deep half better than that of the shallow half?",
            "in part",
            (better("post-LN, deep against shallow", cliff["deep"], cliff["shallow"], place.loss, ON_A_CLIFF),),
            tuple(
                replace(better(f"{name}, deep or shallow", of["deep"], of["shallow"], place.loss, SMALL), short=name)
                for name, of in (("pre-LN", pre), ("post-LN off its cliff", below))
            ),
        ),
        Planned(
            "half-of-the-layers-suffices",
            "Is warmup of either half of pre-LN as good as that of all layers?",
            "supported",
            tuple(
                within(f"{half} against all", pre[half], pre["all"], SMALL, place.loss) for half in ("deep", "shallow")
            ),
            tuple(
                replace(
                    within(f"post-LN, {part} against all", below[part], below["all"], SMALL, place.loss),
                    short=f"post-LN, {part}",
                )
                for part in ("deep", "shallow", "encoder", "decoder")
            ),
        ),
        Planned(
            "post-ln-decoder-needs-it",
            "On the cliff of post-LN, is warmup of the decoder alone better than of the encoder, and its controls?",
            "supported",
            tuple(
                better(f"decoder against {name}", cliff["decoder"], cliff[name], place.loss, ON_A_CLIFF)
                for name in ("none", "encoder", "longer encoder", "equal area")
            ),
        ),
        Planned(
            "decoder-alone-is-best",
            "On the cliff of post-LN, is warmup of the decoder alone better than of everything?",
            "supported",
            (better("decoder against all", cliff["decoder"], cliff["all"], place.loss, ON_A_CLIFF),),
        ),
        Planned(
            "pre-ln-encoder-needs-it",
            "Does pre-LN gain by warmup of its encoder, and not by that of its decoder?",
            "open",
            (
                within("encoder against all", pre["encoder"], pre["all"], SMALLER, place.loss),
                better("encoder against none", pre["encoder"], pre["none"], place.loss, SMALLER),
                better("encoder against decoder", pre["encoder"], pre["decoder"], place.loss, SMALLER),
                within("none against decoder", pre["none"], pre["decoder"], SMALLER, place.loss),
            ),
        ),
        Planned(
            "embedding-alone-does-not-help",
            "Is no warmup as good as that of the embedding alone?",
            "supported",
            (
                within("post-LN, none against embedding", off["none"], off["embedding"], SMALL, place.loss),
                within("pre-LN, none against embedding", pre["none"], pre["embedding"], SMALLER, place.loss),
            ),
        ),
    ]


def layer_arms(place: Place, rate: float, before: bool = False, seeds: int | None = None) -> dict[str, Arm]:
    """By name, warmup of every part alone at one rate, of post-LN or with the norm `before`; and two controls."""
    network = (PRE if before else POST) | {"training.steps": 400}

    def arm(name: str, layers: str, **longer: float) -> Arm:
        keys = lasting(longer["share"]) if longer else WARM
        return place.arm(name, network, keys, {"schedule.warmup.layers": layers}, rates=(rate,), seeds=seeds)

    parts = ("all", "none", "deep", "shallow", "encoder", "decoder", "embedding")
    area = equal_area(AREA_WINDOW) | {"schedule.warmup.layers": "decoder"}
    return {
        **{name: arm(name, name) for name in parts},
        "longer encoder": arm("longer encoder", "encoder", share=0.3),
        "equal area": place.arm("equal area", network, area, rates=(rate,)),
    }
