"""What runs in a measured process: a function per kind, `function(spec, gate)`."""

NAMES = {
    "sweep": "this project's sweep, bare",
    "as_used": "this project's sweep, as users run it",
    "trainer": "Seq2SeqTrainer, one run after another",
    "trainer_per_core": "Seq2SeqTrainer, one run per core",
    "tutorial": "torch.nn.Transformer loop, one run per core",
    "single": "this project, one run per core",
}
"""The contenders in their order, in words."""

OURS = ("sweep", "as_used", "single")
"""Those of them that can do all that a run of this project can."""
