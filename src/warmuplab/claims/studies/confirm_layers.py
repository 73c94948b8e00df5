"""Confirmatory claims of the causal test: warmup of a part of the network alone, the full rate everywhere else."""

from warmuplab.claims.planned.claims import NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, ELSEWHERE, LAYERS
from warmuplab.claims.planned.layers import layer_claims

LOSS = "Final loss on the test split, 400 steps"
WALK = "A part without warmup walks further in the first steps than with it: arms differ in more than where warmup is."
CLIFF = "At 1.6e-2 runs without enough warmup get stuck; they count at the unigram entropy."
GOTMARE = "Gotmare et al. 2018, who froze deep layers"

WORDS = {
    "deep-layers-need-it": Words(
        "It is the deep layers that need warmup.",
        f"{NOTES}; {GOTMARE}",
        f"{LOSS}: warmup of the deep half of both stacks alone against that of the shallow half alone. Post-LN at a"
        " rate where runs get stuck.",
        "The deep layers need warmup",
        (WALK, CLIFF),
        figure="layers",
    ),
    "half-of-the-layers-suffices": Words(
        "Warmup of one half of the layers does what warmup of all does.",
        "this project, from its pilot",
        f"{LOSS}: warmup of the deep half alone, and of the shallow half alone, each less than 0.1 nats above that of"
        " all layers. Pre-LN.",
        "Warmup of half of pre-LN suffices",
        (WALK,),
        figure="layers",
    ),
    "post-ln-decoder-needs-it": Words(
        "Post-LN translation needs warmup in its decoder.",
        "this project, from its pilot",
        f"{LOSS}: warmup of the decoder alone against none, against warmup of the encoder alone, of the encoder three"
        " times as long, and against a decoder without warmup whose rate has the same area over the first fifth of"
        " the steps. At 1.6e-2.",
        "Post-LN needs warmup in its decoder",
        (WALK, CLIFF),
        figure="layers",
    ),
    "decoder-alone-is-best": Words(
        "Post-LN translation loses by giving warmup to the rest of the network as well as to the decoder.",
        "this project, from its pilot",
        f"{LOSS}: warmup of the decoder alone against warmup of everything. At 1.6e-2.",
        "Post-LN: decoder-only warmup is best",
        (WALK, CLIFF, "The rest is the encoder and the shared embedding: which of both it is, is not asked."),
        figure="layers",
    ),
    "pre-ln-encoder-needs-it": Words(
        "Pre-LN translation gains by warmup of its encoder, and not by that of its decoder.",
        "this project, from its pilot",
        f"{LOSS}: warmup of the encoder alone less than 0.05 nats above that of all layers, below none, and below that"
        " of the decoder alone; no warmup less than 0.05 nats above that of the decoder alone. At 1.6e-2.",
        "Pre-LN gains by warmup of its encoder",
        (WALK,),
        figure="layers",
    ),
    "embedding-alone-does-not-help": Words(
        "Warmup of the embedding alone does not help.",
        "this project, from its pilot",
        f"{LOSS}: no warmup less than a margin above warmup of the embedding alone: 0.1 nats for post-LN at 8e-3,"
        " below its cliff, and 0.05 for pre-LN at 1.6e-2.",
        "The embedding alone does not help",
        (WALK, "The embedding is shared by encoder, decoder and output."),
        figure="layers",
    ),
}

CLAIMS = claims_of("confirm_layers", layer_claims(LAYERS, CHOSEN), WORDS, ELSEWHERE)
