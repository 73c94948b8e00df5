"""A trained run comes back as it was, and what cannot be used is refused in one line with the remedy."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from support.composing import QUICK, composed
from support.records import reseal
from support.short_runs import trainer_of
from warmuplab.base.errors import ConfigError
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.decoding import trained
from warmuplab.record import writing
from warmuplab.record.run import Run
from warmuplab.record.verifying import TOKENIZER, WEIGHTS

SHARED = ("training.steps=30", "schedule.peak_lr=1e-2", "probes=none")


def test_the_weights_are_those_that_training_ended_with(trained_run: Run, small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(small_corpus, [("seed=0",)], *SHARED)
    trainer.run(lambda _: None)
    found = trained.load(trained_run.directory)
    assert torch.equal(found.weights_1xP, trainer.population.weights_MxP)
    assert found.longest == 64


def test_sentences_become_the_ids_of_training_and_come_back(
    trained_run: Run, small_corpus: TokenizedCorpus, small_folder: Path
) -> None:
    found = trained.load(trained_run.directory)
    sentences = dict.fromkeys((small_folder / "val.en").read_text().splitlines())
    ids = found.encode(list(sentences))
    split = small_corpus.validation
    known = {tuple(row[:n]) for row, n in zip(split.source_NxS.tolist(), split.source_lengths_N, strict=True)}
    assert known <= set(map(tuple, ids))
    assert [found.decode(each) for each in ids] == list(sentences)


def said_of(directory: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        trained.load(directory)
    said = str(refused.value)
    assert said.startswith(f"RUN={directory}: ")
    return said.removeprefix(f"RUN={directory}: ")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def of_another_version(run: Path) -> None:
    """As if the network had other parts."""
    from safetensors.numpy import load_file, save_file

    arrays = load_file(run / WEIGHTS)
    with safe_open(run / WEIGHTS, framework="numpy") as file:
        told = file.metadata()
    arrays["decoder.0.gate.weight"] = arrays.pop("decoder.0.feed_forward.upper.weight")
    save_file(arrays, run / WEIGHTS, told)
    reseal(run)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (
        lambda run: (run / WEIGHTS).unlink(),
        "its weights were not kept; train it again with keep_weights=true overwrite=true",
    ),
    "damaged": (
        lambda run: (run / WEIGHTS).write_bytes(b"no"),
        "its weights cannot be used: weights.safetensors is not as it was written: its checksum is wrong; bring the",
    ),
    "no tokenizer": (
        lambda run: (run / TOKENIZER).unlink(),
        "tokenizer.json cannot be read: No such file or directory",
    ),
    "unfinished": (lambda run: (run / "summary.json").unlink(), "no summary.json that can be read"),
    "half a summary": (lambda run: (run / "summary.json").write_text("{"), "no summary.json that can be read"),
    "a summary that says something else": (
        lambda run: edit(run / "summary.json", '"finished"', '"diverged"'),
        "its record is damaged: summary.json is not as it was written",
    ),
    "no configuration": (lambda run: (run / "config.yaml").unlink(), "its config.yaml cannot be used"),
    "not YAML": (lambda run: (run / "config.yaml").write_text("a: [b"), "its config.yaml cannot be used"),
    "a wrong value": (lambda run: edit(run / "config.yaml", "heads: 2", "heads: 3"), "its config.yaml cannot be used"),
    "another network": (
        lambda run: edit(run / "config.yaml", "heads: 2", "heads: 4"),
        "its weights cannot be used: config.yaml is not as it was written",
    ),
    "of another version": (of_another_version, "its weights cannot be used: names or shapes are not those of this"),
    "failed": (
        lambda run: (run / "summary.json").write_text(json.dumps({"status": "failed", "error": "a disk full"})),
        "it failed: a disk full; train it again",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused(trained_run: Run, tmp_path: Path, case: str) -> None:
    harm, said = REFUSED[case]
    directory = Path(shutil.copytree(trained_run.directory, tmp_path / trained_run.run_id))
    harm(directory)
    assert said in said_of(directory)


def test_a_record_may_be_moved_and_renamed(trained_run: Run, tmp_path: Path) -> None:
    moved = trained.load(Path(shutil.copytree(trained_run.directory, tmp_path / "warmup of a tenth")))
    assert torch.equal(moved.weights_1xP, trained.load(trained_run.directory).weights_1xP)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    assert "this is not the directory of one" in said_of(tmp_path)


def test_weights_of_a_run_that_diverged_are_not_kept(small_folder: Path, tmp_path: Path) -> None:
    from warmuplab import worker

    shared = (*QUICK, "probes=none", "hardware=cpu", "data=multi30k", f"data.path={small_folder}", "keep_weights=true")
    run = worker.prepare(composed(*shared, f"outputs={tmp_path}", "schedule.peak_lr=1e30"))
    worker.train_population([run], "p", lambda _: None)
    assert not writing.failures([run])
    step = (run.summary or {})["diverged_at"]
    assert not (run.directory / WEIGHTS).exists()
    assert said_of(run.directory).startswith(f"it diverged at step {step}, and the weights of such a run are not kept;")
    assert not run.lacks_weights
