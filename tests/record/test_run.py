"""Records: a run's name follows from what determines its result, and an unfinished run never looks finished."""

import copy
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.composing import composed
from warmuplab import schedules
from warmuplab.base import files
from warmuplab.base.errors import ConfigError
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.keys import identifying
from warmuplab.config.mapping import to_mapping
from warmuplab.config.overrides import flat
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
        "tracker.detail=light",
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


NO_RESULT = [
    "study", "overwrite", "keep_weights", "outputs", "data.name", "data.path", "data.revision", "hardware.device",
    "hardware.compile", "hardware.checkpoint_seconds", "hardware.replay", "hardware.tf32", "hardware.threads",
    "probes.enabled",
    "probes.early_fraction", "probes.every", "probes.batch_size", "probes.curvature", "probes.loss_only",
    "tracker.name", "tracker.mode", "tracker.project", "tracker.entity", "tracker.detail",
]  # fmt: skip
RESULT = [
    "seed", "data.source_language", "data.target_language", "data.vocabulary_size", "data.max_length", "data.order",
    "model.width", "model.depth", "model.heads", "model.feed_forward", "model.norm", "model.final_norm",
    "optimizer.name",
    "optimizer.betas", "optimizer.eps", "optimizer.momentum", "optimizer.weight_decay", "optimizer.clip_norm",
    "training.steps", "training.batch_size", "training.label_smoothing", "training.validate_every", "hardware.dtype",
]  # fmt: skip


def another(value: Any) -> Any:
    """A value of the same kind; of a key without one, a number."""
    if value is None:
        return 7.0
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}x"
    return [*value[:-1], another(value[-1])] if isinstance(value, list) else value + 1


def with_other(config: RunConfig, key: str) -> RunConfig:
    """The same but for one key, by its dotted name."""
    changed: Any = copy.deepcopy(config)
    *parts, last = key.split(".")
    node = changed
    for part in parts:
        node = getattr(node, part)
    setattr(node, last, another(getattr(node, last)))
    return changed  # type: ignore[no-any-return]


def hash_of(config: RunConfig) -> str:
    """The part of the name that is not for reading."""
    return identify(config, "0123456789abcdef").run_id.rpartition("-")[2]


def test_every_key_either_can_change_a_result_or_cannot() -> None:
    keys = flat(to_mapping(composed()))
    assert sorted([*NO_RESULT, *RESULT]) == sorted(key for key in keys if not key.startswith("schedule."))


def test_every_key_that_can_change_a_result_changes_the_hash() -> None:
    base = composed()
    hashes = {key: hash_of(with_other(base, key)) for key in RESULT}
    for key, found in hashes.items():
        assert found != hash_of(base), key
    assert len(set(hashes.values())) == len(RESULT)  # nor is one taken for another


def test_every_key_that_cannot_change_a_result_keeps_the_name() -> None:
    base = composed()
    for key in NO_RESULT:
        assert identify(with_other(base, key), "a").run_id == identify(base, "a").run_id, key


WARMUPS = {
    "shape": ("schedule/warmup=linear", "schedule/warmup=cosine"),
    "fraction": ("schedule.warmup.fraction=0.1", "schedule.warmup.fraction=0.1000000001"),  # which reads the same
    "steps": ("schedule.warmup.steps=20", "schedule.warmup.steps=21"),
    "start_factor": ("schedule.warmup.start_factor=0", "schedule.warmup.start_factor=0.1"),
    "stairs": ("schedule.warmup.stairs=4", "schedule.warmup.stairs=5"),
    "beta2": ("schedule.warmup.beta2=0.98", "schedule.warmup.beta2=0.97"),
    "window": ("schedule.warmup.window=0.2", "schedule.warmup.window=0.3"),
    "layers": ("schedule.warmup.layers=encoder", "schedule.warmup.layers=decoder"),
}
NEEDED = {
    "steps": ("schedule.warmup.fraction=null",),
    "stairs": ("schedule/warmup=stepped",),
    "beta2": ("schedule/warmup=untuned_linear",),
    "window": ("schedule/warmup=equal_area",),
}


def test_every_setting_of_the_warmup_changes_the_hash() -> None:
    assert set(WARMUPS) == set(to_mapping(composed())["schedule"]["warmup"])
    for key, (one, other) in WARMUPS.items():
        needed = NEEDED.get(key, ())
        assert hash_of(composed(*needed, one)) != hash_of(composed(*needed, other)), key
    for one, other in (("0.002", "0.0020000001"), ("2", "3")):
        assert hash_of(composed(f"schedule.peak_lr={one}")) != hash_of(composed(f"schedule.peak_lr={other}"))


PRESETS = sorted(path.stem for path in (CONFIG_FOLDER / "schedule").glob("*.yaml"))


def hashed_of(schedule: Any) -> str:
    """What of a schedule goes into the hash, whether or not a run can have it."""
    return json.dumps(identifying({"schedule": schedules.normalized(schedule)}), sort_keys=True)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_of_the_decay_changes_what_is_hashed(preset: str) -> None:
    base = composed(f"schedule={preset}").schedule
    options = [option for option in schedules.normalized(base)["decay"] if option != "name"]
    hashed = {hashed_of(base)}
    for option in options:
        changed = copy.deepcopy(base)
        changed.decay[option] = another(base.decay.get(option))
        try:
            schedules.normalized(changed)
        except ConfigError:  # null in the preset, and a list
            changed.decay[option] = [7.0]
        hashed.add(hashed_of(changed))
    assert len(hashed) == 1 + len(options)


def test_every_decay_has_a_hash_of_its_own() -> None:
    configs = [composed(f"schedule={preset}") for preset in PRESETS]
    assert {config.schedule.decay["name"] for config in configs} == set(schedules.DECAYS)
    assert len(set(map(hash_of, configs))) == len(PRESETS)


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


LATER = ("schedule.warmup.fraction=0.3",)


def test_with_an_order_of_their_own_seeds_train_apart() -> None:
    keys = [
        population_key(composed("data.order=seed", f"seed={seed}", *more)) for seed in (0, 1) for more in ((), LATER)
    ]
    assert keys[0] == keys[1] != keys[2] == keys[3]


def states(run: Run) -> tuple[bool, str | None]:
    return run.is_complete, (run.summary or {}).get("status")


def test_a_run_is_complete_only_after_its_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_in(tmp_path)
    assert states(run) == (False, None)
    writing.begin(run)
    assert states(run) == (False, None)

    def killed(*_: object, **__: object) -> None:
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


def test_a_failure_that_cannot_be_recorded_is_known_to_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_in(tmp_path)
    assert writing.failure_of(run) == "its directory was removed"
    writing.begin(run)
    assert writing.failure_of(run) == "it was not trained to its end"
    with monkeypatch.context() as patch:
        patch.setattr(
            writing, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        writing.fail(run, "ValueError: no", "Traceback ...")
        said = f"ValueError: no; and not recorded: No space left on device ({run.directory})"
        assert writing.failures([run]) == [f"{run.directory}: {said}"]
    assert run.summary is None
    writing.begin(run)
    writing.finish(run, METRICS, {"status": "finished"})
    assert writing.failure_of(run) is None


def test_a_folder_is_checked_without_being_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    files.check_folder(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    for wrong in ("file", "file/below", "nowhere", "x" * 300):
        with pytest.raises(OSError, match=r".") as caught:
            files.check_folder(tmp_path / wrong)
        assert str(tmp_path) in files.reason(caught.value)


def test_a_write_that_names_no_file_is_given_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as caught, files.replace_atomically(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    assert files.reason(caught.value) == f"No space left on device ({tmp_path / 'file'})"


def test_a_directory_that_is_a_link_is_emptied(tmp_path: Path) -> None:
    run, elsewhere = run_in(tmp_path / "outputs"), tmp_path / "elsewhere"
    (elsewhere / "wandb" / "run").mkdir(parents=True)
    (elsewhere / "old").write_text("")
    run.directory.parent.mkdir(parents=True)
    run.directory.symlink_to(elsewhere)
    writing.begin(run)
    assert [path.name for path in elsewhere.iterdir()] == ["config.yaml"]


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
