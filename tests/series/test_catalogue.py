"""The catalogue of metrics: nothing is measured or summed up that it does not name, and what reads it agrees."""

import pandas as pd
import pytest

from support.composing import ROOT
from support.short_runs import trainer_of
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.series import table, values
from warmuplab.series.catalogue import (
    AT_LEVELS,
    BY_LAYER,
    EARLY_LARGEST,
    EARLY_MEAN,
    EARLY_SUM,
    FIRST,
    LARGEST,
    LAST,
    LOG_BY_LAYER,
    LOG_EARLY_SUM,
    METRICS,
    OF_LAYERS,
    SERIES,
)

REDUCTIONS = (AT_LEVELS, BY_LAYER, EARLY_LARGEST, EARLY_MEAN, EARLY_SUM, FIRST, LARGEST, LAST)
REDUCTIONS += (LOG_BY_LAYER, LOG_EARLY_SUM)

RUNS = {
    "full": ("probes=full",),
    "none": ("probes=none",),
    "ramp": ("probes=loss", "schedule=ramp", "training.steps=30"),
    "spike": ("model=pre_ln", "schedule.peak_lr=0.5", "schedule/warmup=none", "training.steps=30"),
}


@pytest.mark.parametrize("kind", RUNS)
def test_every_series_and_every_summary_value_of_a_run_is_in_the_catalogue(
    kind: str, small_corpus: TokenizedCorpus
) -> None:
    trainer = trainer_of(small_corpus, [("seed=0",)], *RUNS[kind])
    trainer.run(lambda _: None)
    ((metrics, layers, summary),) = trainer.results()
    assert set(metrics) - {"step"} <= set(SERIES)
    assert layers is None or set(layers) - {"step", "stack", "layer"} <= set(OF_LAYERS)
    unknown = [name for name in summary["values"] if values.describe(name) is None]
    assert unknown == []


def test_a_value_of_nothing_in_the_catalogue_has_no_words() -> None:
    for name in (
        "other/value",
        "other/value_max",
        "stability/encoder_colour_last",
        "spike/probe_colour",
        "lr_sum_to_x",
        "overfit/log_gap_sum",
        "grad/norm_mean",
        "curvature/sharpness_first",
        "stability/decoder_log_drift_middle_at_1_below",
    ):
        assert values.describe(name) is None


def test_values_are_told_apart_by_their_labels(small_corpus: TokenizedCorpus) -> None:
    columns: list[str] = []
    for study in ("quick", "claims-2026-11", "schedules-2026-11"):
        columns += pd.read_parquet(ROOT / "results" / study / "runs.parquet").columns.tolist()
    names = sorted({name for name in columns if "/" in name})
    trainer = trainer_of(small_corpus, [("seed=0",)], "probes=full", "training.steps=8")
    trainer.run(lambda _: None)
    names = sorted({*names, *trainer.results()[0][2]["values"]})
    words = {name: values.describe(name) for name in names}
    assert [name for name, of in words.items() if of is None] == []
    labels = [of.label for name, of in words.items() if of is not None]
    assert len(set(labels)) == len(labels)


def test_every_entry_is_whole() -> None:
    for metric in METRICS.values():
        assert metric.label[0].isupper()
        assert metric.meaning
        assert metric.meaning[-1] != "."
        assert set(metric.reductions) <= set(REDUCTIONS)
    assert SERIES["grad/norm"].reductions == (LARGEST,)
    assert SERIES["stability/kl"].early_sum == "stability/kl_path"
    assert SERIES["stability/kl"].log_early_sum == "stability/log_kl_path"
    assert SERIES["overfit/gap"].early_sum == "overfit/gap_sum"


def test_the_table_of_the_readme_is_the_catalogue() -> None:
    assert table.markdown() in (ROOT / "README.md").read_text(), "put into the README: " + table.markdown()
