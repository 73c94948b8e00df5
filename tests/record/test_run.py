"""Records: a run's name follows from what determines its result, and an unfinished run never looks finished."""

import json
from pathlib import Path

import pandas as pd
import pytest

from support.composing import composed
from warmuplab.base import files
from warmuplab.config.schema import RunConfig
from warmuplab.record import writing
from warmuplab.record.identity import identify, population_key
from warmuplab.record.run import Run

METRICS = pd.DataFrame({"step": [0, 1], "train/loss": [2.0, None]})


def run_in(folder: Path, *overrides: str) -> Run:
    return identify(composed(f"outputs={folder}", *overrides), "0123456789abcdef")


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "model=pre_ln",
        "optimizer=radam",
        "schedule.peak_lr=3e-3",
        "schedule.warmup.fraction=0.2",
        "schedule=cosine",
        "training.steps=201",
        "training.label_smoothing=0.1",
        "data.vocabulary_size=1500",
        "hardware.dtype=float64",
    ],
)
def test_what_changes_a_result_changes_the_name(override: str) -> None:
    assert run_in(Path(), override).run_id != run_in(Path()).run_id


@pytest.mark.parametrize(
    "override",
    [
        "tracker=none",
        "probes=none",
        "hardware=cpu",
        "overwrite=true",
        "schedule.peak_lr=2e-3",
        "schedule.peak_lr=0.0020",
        "schedule.decay.end_factor=0",
    ],
)
def test_what_changes_no_result_keeps_the_name(override: str) -> None:
    assert run_in(Path(), override).run_id == run_in(Path()).run_id


def test_the_corpus_counts_by_its_text_not_by_its_place(small_folder: Path) -> None:
    here = composed("data=multi30k", f"data.path={small_folder}")
    there = composed("data=multi30k", "data.path=/elsewhere")
    assert identify(here, "a").run_id == identify(there, "a").run_id
    assert identify(here, "a").run_id != identify(here, "b").run_id


def test_runs_share_a_population_when_seed_and_schedule_differ_only() -> None:
    base = population_key(composed())
    for same in ("seed=4", "schedule=cosine", "schedule.peak_lr=1", "overwrite=true"):
        assert population_key(composed(same)) == base
    for other in ("model=pre_ln", "optimizer.eps=1e-8", "training.steps=10", "data.max_length=20", "probes=none"):
        assert population_key(composed(other)) != base


def states(run: Run) -> tuple[bool, str | None]:
    return run.is_complete, (run.summary or {}).get("status")


def test_a_run_is_complete_only_after_its_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_in(tmp_path)
    assert states(run) == (False, None)
    writing.begin(run)
    assert states(run) == (False, None)

    def killed(*_: object) -> None:
        assert states(run) == (False, None)  # everything else is there, the summary is not
        assert (run.directory / "metrics.parquet").exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writing, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            writing.finish(run, METRICS, {"status": "finished"})
    assert states(run) == (False, None)
    writing.finish(run, METRICS, {"status": "finished"})
    assert states(run) == (True, "finished")
    pd.testing.assert_frame_equal(pd.read_parquet(run.directory / "metrics.parquet"), METRICS)


def test_training_again_first_takes_the_old_result_away(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    writing.begin(run)
    writing.finish(run, METRICS, {"status": "finished"})
    writing.begin(run)
    assert states(run) == (False, None)
    assert sorted(path.name for path in run.directory.iterdir()) == ["config.yaml"]


def test_a_failed_run_is_not_complete_and_says_why(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    writing.fail(run, "ValueError: no", "Traceback ...")
    assert states(run) == (False, "failed")
    assert run.summary is not None
    assert run.summary["error"] == "ValueError: no"
    assert (run.directory / "error.txt").read_text() == "Traceback ..."


@pytest.mark.parametrize("content", ["", "{", "[]", '{"status": "fini'])
def test_a_damaged_summary_counts_as_none(tmp_path: Path, content: str) -> None:
    run = run_in(tmp_path)
    writing.begin(run)
    (run.directory / "summary.json").write_text(content)
    assert states(run) == (False, None)


def test_the_recorded_configuration_is_the_run(tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    from warmuplab.config.mapping import from_mapping

    run = run_in(tmp_path, "schedule=noam", "seed=9")
    writing.begin(run)
    read = OmegaConf.to_container(OmegaConf.load(run.directory / "config.yaml"))
    assert isinstance(read, dict)
    assert from_mapping({str(key): value for key, value in read.items()}) == run.config
    assert isinstance(run.config, RunConfig)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"a": float("nan")})

    def interrupted() -> None:
        with files.replace_atomically(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(path.parent.iterdir()) == [path]


def test_a_record_knows_whether_it_was_measured_otherwise(tmp_path: Path) -> None:
    run = identify(composed(f"outputs={tmp_path}"), "corpus")
    writing.begin(run)
    assert not run.has_other_probes
    more = identify(composed(f"outputs={tmp_path}", "probes=full"), "corpus")
    assert more.directory == run.directory
    assert more.has_other_probes
