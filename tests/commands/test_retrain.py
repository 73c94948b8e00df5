"""A collected run trained again, in the population that it was trained in, comes to the same numbers."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from support.composing import QUICK, ROOT, composed
from warmuplab import worker
from warmuplab.commands import retrain
from warmuplab.config.schema import RunConfig
from warmuplab.record.identity import identify
from warmuplab.study import collect, results
from warmuplab.study.recorded import configuration_of, population_of

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def collected(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a study of two populations, whose outputs are gone."""
    folder = tmp_path_factory.mktemp("collected")
    shared = (*QUICK, "hardware=cpu", "probes=loss", "data=multi30k", f"data.path={small_folder}")
    shared = (*shared, f"outputs={folder / 'outputs'}")
    for norm in ("post_ln", "pre_ln"):  # the larger seed first: the order of names is another
        configs = [composed(*shared, f"model={norm}", f"seed={seed}") for seed in (3, 1, 2)]
        runs = [worker.prepare(replace(config, study="tiny")) for config in configs]
        assert worker.train_population(runs, worker.population_name(runs), lambda _: None)
    collect.update("tiny", folder / "outputs", folder / "results")
    return folder / "results"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    def called(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["warmuplab retrain", *words, "--outputs", str(tmp_path / "again")])
        try:
            status: object = retrain.main()
        except SystemExit as ended:
            status = ended.code
        heard = capsys.readouterr()
        assert isinstance(status, int)
        return status, heard.out, heard.err

    return called


def run_of(results_folder: Path, norm: str, seed: int) -> str:
    runs = pd.read_parquet(results_folder / "tiny" / "runs.parquet")
    return str(runs[(runs["model.norm"] == norm) & (runs["seed"] == seed)]["run_id"].item())


def test_every_number_of_every_member_is_equal(collected: Path, small_folder: Path, call: Call, tmp_path: Path) -> None:
    chosen = run_of(collected, "pre", 2)
    status, out, err = call("tiny", chosen, "--results", str(collected), "--data-path", str(small_folder))
    assert (status, err) == (0, "")
    lines = [line for line in out.splitlines() if " then, " in line]
    assert [line.partition("-s")[2][0] for line in lines] == ["3", "1", "2"]  # in the order of the population
    assert all(line.endswith(": equal") for line in lines)
    assert any(line.startswith(chosen) for line in lines)
    assert (tmp_path / "again" / "retrained" / chosen / "metrics.parquet").exists()


def test_what_differs_is_counted_and_explained(
    collected: Path, small_folder: Path, call: Call, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "tiny").mkdir()
    for path in (collected / "tiny").iterdir():
        (other / "tiny" / path.name).write_bytes(path.read_bytes())
    table = pd.read_parquet(other / "tiny" / "runs.parquet")
    chosen = run_of(collected, "post", 1)
    table.loc[table["run_id"] == chosen, "val/loss"] += 0.25
    table.to_parquet(other / "tiny" / "runs.parquet")
    status, out, _ = call("tiny", chosen, "--results", str(other), "--data-path", str(small_folder))
    assert status == 1
    (line,) = [line for line in out.splitlines() if line.startswith(chosen)]
    assert ": 1 of " in line
    assert "numbers differ" in line
    assert "The largest difference of a final loss is 0.25 nats" in out


def test_another_text_is_refused_before_anything_is_trained(collected: Path, call: Call, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    for split, count in (("train", 60), ("val", 20)):
        for language in ("en", "de"):
            (text / f"{split}.{language}").write_text("a b c d\n" * count)
    chosen = run_of(collected, "post", 1)
    status, _, err = call("tiny", chosen, "--results", str(collected), "--data-path", str(text))
    assert status == 2
    assert err.count("\n") == 1
    assert not (tmp_path / "again" / "retrained" / chosen).exists()


def test_a_run_that_is_not_there_and_a_study_without_populations_are_refused(collected: Path, call: Call) -> None:
    status, _, err = call("tiny", "no-such-run", "--results", str(collected))
    assert status == 2
    assert err.startswith("error: RUN=no-such-run: ")
    study = results.load("tiny", collected)
    study = replace(study, runs=study.runs.drop(columns=["member"]))
    with pytest.raises(Exception, match="does not say in which population it was trained"):
        population_of(study, run_of(collected, "post", 1))


def test_a_row_is_the_configuration_that_was_trained(collected: Path) -> None:
    study = results.load("tiny", collected)
    for row in study.runs.to_dict("records"):
        config = configuration_of(study, row)
        assert (config.seed, config.model.norm) == (row["seed"], row["model.norm"])
        assert config.training == composed(*QUICK).training
        assert config.hardware.compile is False


CONFIRMED = sorted(path.parent.name for path in (ROOT / "results").glob("confirm_*/runs.parquet"))


@pytest.mark.parametrize("name", [*CONFIRMED, "pilot"])
def test_every_committed_run_reads_back_to_its_name(name: str) -> None:
    """Whatever its table holds, as lists of layers: what a run was told names it again. Seeds share all the rest."""
    study = results.load(name, ROOT / "results")
    of_arms: dict[str, RunConfig] = {}
    for row in study.runs.to_dict("records"):
        arm = repr([row[key] for key in study.manifest["varying"] if key != "seed"])
        if arm not in of_arms:
            of_arms[arm] = configuration_of(study, row)
        config = replace(of_arms[arm], seed=int(row["seed"]))
        assert identify(config, row["corpus"]).run_id == row["run_id"]
        assert config.study == name
    assert len(of_arms) < len(study.runs) / 3
