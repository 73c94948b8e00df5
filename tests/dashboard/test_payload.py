"""The data of a page is what was collected, and a run's command gives that very run."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from support import studies
from support.composing import composed
from support.synthetic_study import keys_of
from support.unpacked import unpacked
from warmuplab.base.errors import ConfigError
from warmuplab.config import rerun
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.keys import WHERE_IT_LIES, is_among
from warmuplab.config.mapping import from_mapping
from warmuplab.config.overrides import as_cell
from warmuplab.dashboard import labels, page, payload, sample
from warmuplab.study import results, roles
from warmuplab.study.results import Study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return studies.small(tmp_path_factory.mktemp("payload"))


def test_every_curve_and_every_value_of_every_run_is_there(study: Study) -> None:
    data, blob = payload.assemble(study)
    assert sorted(run["id"] for run in data["runs"]) == sorted(study.runs["run_id"])
    rows = study.runs.set_index("run_id")
    for run in data["runs"]:
        for name, value in zip(data["values"], run["values"], strict=True):
            if name != "loss":
                recorded = rows.loc[run["id"], name]
                assert value == (None if pd.isna(recorded) else pytest.approx(recorded, rel=1e-6)), name
    count = 0
    for metric, by_run in data["series"].items():
        for place, entry in by_run.items():
            series = study.curves[study.curves["run_id"] == data["runs"][place]["id"]]
            series = series[series["metric"] == metric]
            ((steps, values),) = unpacked(blob, [entry])
            assert steps.tolist() == series["step"].tolist()
            np.testing.assert_allclose(values, series["value"], atol=np.ptp(series["value"]) / 60_000 + 1e-9, rtol=1e-3)
            count += 1
    assert count == study.curves.groupby(["run_id", "metric"], observed=True).ngroups


def test_layers_are_in_depth_order_with_their_values(study: Study) -> None:
    data, blob = payload.assemble(study)
    assert data["layers"]["names"] == ["encoder 0", "encoder 1", "decoder 0", "decoder 1"]
    layers = pd.read_parquet(study.folder / "layers.parquet")
    place, by_name = next(iter(data["layers"]["series"]["stability/cka_drift"].items()))
    ((steps, values),) = unpacked(blob, [by_name["decoder 1"]])
    chosen = layers[(layers["run_id"] == data["runs"][place]["id"]) & (layers["stack"] == "decoder")]
    chosen = chosen[chosen["layer"] == 1].dropna(subset=["stability/cka_drift"])
    assert steps.tolist() == chosen["step"].tolist()
    np.testing.assert_allclose(values, chosen["stability/cka_drift"], rtol=1e-3)


def test_spikes_are_the_collected_ones_and_none_where_none_were_collected(tmp_path: Path) -> None:
    study = studies.spiking(tmp_path)
    collected = pd.read_parquet(study.folder / "spikes.parquet")
    data, _ = payload.assemble(study)
    for run in data["runs"]:
        expected = collected[collected["run_id"] == run["id"]]
        assert [spike[:3] for spike in run["spikes"]] == expected[["start", "peak", "end"]].to_numpy().tolist()
    assert any([spike[1], spike[4]] == [1717, 40.0] for run in data["runs"] for spike in run["spikes"])
    (study.folder / "spikes.parquet").unlink()
    data, _ = payload.assemble(study)
    assert all(run["spikes"] == [] for run in data["runs"])


@pytest.mark.parametrize(("name", "needed"), [("spikes.parquet", "peak"), ("layers.parquet", "layer")])
def test_damaged_spikes_and_layers_are_one_line(study: Study, tmp_path: Path, name: str, needed: str) -> None:
    shutil.copytree(study.folder, tmp_path / "tiny")
    path = tmp_path / "tiny" / name
    whole, table = path.read_bytes(), pd.read_parquet(path)
    for part in (b"", whole[:500]):
        path.write_bytes(part)
        with pytest.raises(
            ConfigError, match=rf"{name} is damaged .*; restore it, or remove it and make report STUDY=tiny"
        ):
            payload.assemble(results.load("tiny", tmp_path))
    table.drop(columns=needed).to_parquet(path)
    with pytest.raises(ConfigError, match=rf"{name} is damaged \(it has no column {needed}\)"):
        payload.assemble(results.load("tiny", tmp_path))


@pytest.mark.parametrize(
    "overrides",
    [
        ["schedule=noam", "model=pre_ln", "seed=3"],
        ["schedule/warmup=untuned_linear", "schedule=constant"],
        ["schedule=cosine", "schedule.warmup.fraction=null", "schedule.warmup.steps=40", "training.steps=321"],
        ["optimizer=sgd", "schedule/warmup=cosine", "schedule.peak_lr=0.123456789012", "model.width=32"],
        ["schedule.warmup.layers=decoder"],
        ["model=pre_ln", "schedule.warmup.layers=[decoder.*.cross,embedding]"],
        ["schedule=piecewise", "schedule.decay.values=[1.0,0.5]", "schedule.decay.boundary_fractions=[0.3]"],
        [
            "schedule=wsd",
            "optimizer=adamw",
            "optimizer.betas=[0.9,0.95]",
            "probes=full",
            "training.label_smoothing=0.1",
        ],
    ],
)
def test_the_command_of_a_run_gives_that_run(overrides: list[str]) -> None:
    wanted = {key: value for key, value in keys_of(composed(*overrides)).items() if not is_among(key, WHERE_IT_LIES)}
    command = rerun.run_command({key: as_cell(value) for key, value in wanted.items()})
    assert command is not None
    program, script, *arguments = shlex.split(command)
    assert (program, script) == ("python", "scripts/train.py")
    assert len(arguments) <= len(overrides) + 2
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        again = keys_of(from_mapping(compose("config", arguments)))
    assert {key: again[key] for key in wanted} == wanted


def test_text_that_means_something_to_hydra_or_the_shell_is_quoted() -> None:
    hostile = "a'b $HOME `x` ${seed} {c} \\"
    config = {"model.norm": hostile}
    (argument,) = [text for text in shlex.split(str(rerun.run_command(config))) if text.startswith("model.norm")]
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        from omegaconf import OmegaConf

        assert OmegaConf.to_container(compose("config", [argument]).model)["norm"] == hostile  # type: ignore[index]


def test_facets_are_in_the_order_of_what_they_stand_for(study: Study) -> None:
    data, _ = payload.assemble(study)
    values = {facet["key"]: facet["values"] for facet in data["facets"]}
    assert values["warmup"] == ["none", "10 %"]
    assert values["rate"] == ["1e-3", "1.6e-2"]
    assert values["outcome"] == ["trained", "stuck", "diverged", "failed"]
    assert "setting" not in values  # the normalisation says the same


def test_every_value_that_a_run_summarises_has_words_of_its_own() -> None:
    names = ["probe/steps_to_1_below", "probe/reached_0.25_below", "overfit/gap_sum_to_1_below", "spike/probe_count"]
    names += ["overfit/memorisation_at_2_below", "stability/encoder_cka_drift_last_minus_first", "stability/log_z_max"]
    table = pd.DataFrame({"val/loss": [1.0], **{name: [1.0] for name in names}, "other/value": [1.0]})
    words = {name: value["label"] for name, value in labels.summary_values(table).items()}
    assert all(words[name] != name for name in names)
    assert len(set(words.values())) == len(words)
    assert words["other/value"] == "other/value"


def test_the_page_is_one_file_written_whole(study: Study) -> None:
    path = page.write_dashboard(study)
    assert path == study.folder / "dashboard.html"
    text = path.read_text()
    assert not set(path.parent.glob(".dashboard*"))
    assert "{{" not in text.partition('<script type="application/json"')[0].partition("<style>")[0]
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert data["study"] == "tiny"
    assert str(study.folder.parents[1]) not in text


def test_a_very_large_study_is_sampled_and_says_so(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every arm and every outcome is there, and what is there is what a page of all runs has."""
    whole, _ = payload.assemble(study)
    assert not any("this page shows" in fact for fact in whole["facts"])
    monkeypatch.setattr(sample, "MOST_RUNS", 10)
    data, blob = payload.assemble(study)
    first = data["facts"][0]
    assert first == (
        f"this page shows {len(data['runs'])} of 16 runs, the same share of every arm and outcome; "
        "report, figures and verdicts are of all"
    )
    assert len(data["runs"]) <= 10
    arms = {tuple(run["roles"]) for run in whole["runs"]}
    assert {tuple(run["roles"]) for run in data["runs"]} == arms
    assert {run["outcome"] for run in data["runs"]} == {run["outcome"] for run in whole["runs"]}
    by_id = {run["id"]: run for run in whole["runs"]}
    assert all(run == by_id[run["id"]] for run in data["runs"])
    for by_run in [*data["series"].values(), *data["layers"]["series"].values()]:
        assert all(place < len(data["runs"]) for place in by_run)
    assert len(blob) > 0


def test_a_sample_is_spread_over_the_seeds_and_keeps_what_is_rare(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = study.runs.iloc[[0] * 3000].reset_index(drop=True)
    runs["run_id"] = [f"run{i}" for i in range(3000)]
    runs["seed"] = range(3000)
    runs.loc[1234, "status"] = "diverged"
    many = Study(study.name, study.folder, runs, study.curves.iloc[:0], study.manifest)
    kept, said = sample.sampled(many, roles.arrange(many))
    assert said is not None
    assert len(kept.runs) <= sample.MOST_RUNS
    assert len(kept.runs) > 0.9 * sample.MOST_RUNS
    assert 1234 in kept.runs.index
    assert kept.runs["seed"].is_monotonic_increasing
    assert kept.runs["seed"].diff().max() <= 2
    assert (kept.runs["seed"].min(), kept.runs["seed"].max()) == (0, 2999)


def test_a_frozen_study_says_so_first(study: Study, tmp_path: Path) -> None:
    copied = Study(study.name, tmp_path, study.runs, study.curves, study.manifest)
    before = payload.facts(copied)
    (tmp_path / "frozen.txt").write_text("Exploratory:\njudged by older rules.\n")
    assert payload.facts(copied) == ["Exploratory: judged by older rules", *before]
