"""What a W&B run says in words is true of its record."""

import shlex

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir

from support.composing import composed
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.mapping import from_mapping, to_mapping
from warmuplab.series.spikes import find_spikes
from warmuplab.tracking import notes


def spiking() -> pd.DataFrame:
    loss = np.linspace(8, 4, 200) + np.random.default_rng(0).normal(0, 0.02, 200)
    loss[120:124] += [5, 8, 3, 1]
    return pd.DataFrame({"step": np.arange(200), "train/loss": loss})


def test_the_command_trains_this_run_again() -> None:
    config = composed("schedule=cosine", "model=pre_ln", "seed=7", "training.steps=321")
    text = notes.describe(to_mapping(config), {"commit": "c0ffee", "dirty": True}, spiking())
    (line,) = [line for line in text.splitlines() if line.startswith("python scripts/train.py")]
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        assert from_mapping(compose("config", shlex.split(line)[2:])) == config
    assert "git checkout c0ffee" in text
    assert "had changes" in text


def test_every_spike_is_a_row() -> None:
    metrics = spiking()
    expected = find_spikes(metrics["train/loss"])
    text = notes.describe(to_mapping(composed()), {}, metrics)
    rows = [line.split("|")[1:4] for line in text.splitlines() if line.startswith("|")][2:]
    assert [[int(cell) for cell in row] for row in rows] == [[it.start, it.peak, it.end] for it in expected]
    assert any(spike.peak == 121 for spike in expected)
    calm = metrics.assign(**{"train/loss": np.linspace(8, 4, 200)})
    assert "No spike" in notes.describe(to_mapping(composed()), {}, calm)
