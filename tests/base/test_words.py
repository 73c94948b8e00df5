"""The words for a warmup: what a label says, alone and in a phrase."""

from typing import Any

import pytest

from warmuplab.base.words import layers_label, warmup_label, warmup_phrase, with_warmup


@pytest.mark.parametrize(
    ("told", "label", "phrase"),
    [
        (("linear", 0.1, None), "10 %", "10 % warmup"),
        (("linear", 0.1, None, "all"), "10 %", "10 % warmup"),
        (("linear", 0.1, None, "decoder"), "10 % (decoder)", "10 % warmup (decoder)"),
        (("linear", 0.1, None, "none"), "10 % (no layers)", "10 % warmup (no layers)"),
        (("cosine", None, 400, "deep"), "400 steps cosine (deep)", "400 steps cosine warmup (deep)"),
        (
            ("untuned_linear", None, None, "embedding"),
            "untuned_linear (embedding)",
            "untuned_linear warmup (embedding)",
        ),
        (("linear", 0.1, None, ["decoder.*.cross", "encoder"]), *["10 %{} (decoder.*.cross, encoder)"] * 2),
        (("linear", 0.1, None, "[decoder.*.cross,encoder]"), *["10 %{} (decoder.*.cross, encoder)"] * 2),
        (("equal_area", 0.1, None), "equal early area (10 %)", "no warmup, equal early area (10 %)"),
        (
            ("equal_area", 0.1, None, "decoder"),
            "equal early area (10 %, decoder)",
            "no warmup, equal early area (10 %, decoder)",
        ),
        (("linear", 0, None, "decoder"), "none", "no warmup"),
        (("none", None, None, "none"), "none", "no warmup"),
    ],
)
def test_a_label_names_the_part_that_follows_the_warmup(told: tuple[Any, ...], label: str, phrase: str) -> None:
    label, phrase = label.format(""), phrase.format(" warmup")
    assert warmup_label(*told) == label
    assert warmup_phrase(label) == phrase
    assert with_warmup(label) == (f"without {phrase[3:]}" if phrase.startswith("no ") else f"with {phrase}")


def test_all_layers_go_without_saying() -> None:
    assert (layers_label(None), layers_label("all"), layers_label("none")) == ("", "", "no layers")
