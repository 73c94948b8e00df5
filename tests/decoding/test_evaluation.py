"""An evaluation gives the loss that training recorded, and BLEU as sacrebleu counts it on the corpus's own text."""

import math
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
import sacrebleu

from support.trained_runs import trained as train
from warmuplab.base.errors import ConfigError
from warmuplab.decoding import evaluation, trained, translation
from warmuplab.record.run import Run


def recorded(run: Run, name: str) -> float:
    return float((run.summary or {})["values"][name])


@pytest.fixture(scope="module")
def folder_with_test(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small corpus with a test split, two sentences of which are too long for a run."""
    folder = Path(shutil.copytree(small_folder, tmp_path_factory.mktemp("corpus") / "text"))
    for language, pair in (("en", "the calm sea\nboat "), ("de", "sea calm the\nat dawn ")):
        (folder / f"test.{language}").write_text(pair + "returns " * 80 + "\nred boat\nover " + "x" * 1500 + "\n")
    return folder


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("model=pre_ln", "optimizer=gi_adam", "hardware.dtype=float64", "training.label_smoothing=0.1"),
        ("model.final_norm=false", "hardware.dtype=bfloat16", "data.max_length=30"),
    ],
    ids=["post", "pre-float64", "bfloat16"],
)
def test_the_loss_is_the_recorded_one(folder_with_test: Path, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    run = train(tmp_path, folder_with_test, *overrides)
    found = trained.load(run.directory)
    for split, name in (("validation", "val/loss"), ("test", "test/loss")):
        text = evaluation.held_out(found, split)
        reached = evaluation.evaluate(found, text, max_length=2)
        assert reached.loss == pytest.approx(recorded(run, name), abs=1e-5)
        assert reached.perplexity == pytest.approx(math.exp(reached.loss), rel=1e-12)
        if split == "test":
            assert (reached.sentences, reached.left_out) == (2, 2)
            assert text.references == ["sea calm the", "red boat"]


def test_bleu_is_that_of_the_translations_against_the_text(trained_run: Run, small_folder: Path) -> None:
    run = trained.load(trained_run.directory)
    pairs = zip(*((small_folder / f"val.{side}").read_text().splitlines() for side in ("en", "de")), strict=True)
    short = [pair for pair in pairs if max(map(len, run.encode(pair))) <= 64]
    ids = translation.check_sentences(run, [source for source, _ in short])
    translated = translation.translate(run, ids, beam=2, max_length=10)
    expected = sacrebleu.corpus_bleu(translated, [[target for _, target in short]])
    text = evaluation.held_out(run, "validation")
    reached = evaluation.evaluate(run, text, beam=2, max_length=10)
    assert reached.bleu == pytest.approx(expected.score, abs=1e-9)
    assert (reached.sentences, reached.left_out) == (len(short), 80 - len(short))
    assert reached.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert evaluation.corpus_bleu(text.references, text.references)[0] == pytest.approx(100)


def test_a_corpus_that_moved_is_found_and_another_one_refused(
    trained_run: Run, small_folder: Path, tmp_path: Path
) -> None:
    run = trained.load(trained_run.directory)
    moved = Path(shutil.copytree(small_folder, tmp_path / "moved"))
    here = evaluation.held_out(run, "validation")
    assert evaluation.held_out(run, "validation", str(moved)).references == here.references
    (moved / "val.de").write_text((moved / "val.de").read_text().replace("calm", "rough", 1))
    with pytest.raises(ConfigError) as refused:
        evaluation.held_out(run, "validation", str(moved))
    said = str(refused.value)
    assert said.startswith(f"--data-path={moved}: another text than that of the run (its fingerprint is ")
    assert "--data-path FOLDER names the folder" in said


def test_a_test_split_that_changed_is_refused(folder_with_test: Path, tmp_path: Path) -> None:
    text = Path(shutil.copytree(folder_with_test, tmp_path / "text"))
    run = train(tmp_path / "outputs", text)
    (text / "test.de").write_text((text / "test.de").read_text().replace("calm", "rough"))
    found = trained.load(run.directory)
    with pytest.raises(ConfigError, match=r"^data=.*text: another text than that of the run \(its test_fingerprint"):
        evaluation.held_out(found, "test")
    assert evaluation.held_out(found, "validation").references


@pytest.mark.parametrize(
    ("split", "path", "said"),
    [
        ("train", None, "--split=train: there is no such split; choose one of validation, test"),
        ("test", None, "--split=test: the corpus multi30k has no test split here; use --split validation"),
        ("validation", "nowhere", "--data-path=nowhere: no such folder; name another folder"),
    ],
)
def test_what_there_is_not_is_refused(trained_run: Run, split: str, path: str | None, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        evaluation.held_out(trained.load(trained_run.directory), split, path)
    assert str(refused.value).startswith(said)


def test_a_corpus_that_cannot_be_had_keeps_its_remedy(trained_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `data.path` would help, it is an option here; another remedy stays."""
    run = trained.load(trained_run.directory)
    for remedy, said in (("run `make setup`", "run `make setup`"), ("use data.path=FOLDER", evaluation.ELSEWHERE)):
        error = ConfigError("data", "jupyterlab", "it is not there", remedy)
        monkeypatch.setattr(evaluation.corpora, "load", Mock(side_effect=error))
        with pytest.raises(ConfigError) as refused:
            evaluation.held_out(run, "validation")
        assert str(refused.value) == f"data=jupyterlab: it is not there; {said}"


def test_a_corpus_that_is_gone_is_one_line_with_the_remedy(small_folder: Path, tmp_path: Path) -> None:
    text = Path(shutil.copytree(small_folder, tmp_path / "text"))
    run = train(tmp_path / "outputs", text)
    shutil.rmtree(text)
    with pytest.raises(ConfigError) as refused:
        evaluation.held_out(trained.load(run.directory), "validation")
    assert str(refused.value) == f"data.path={text}: no such folder; {evaluation.ELSEWHERE}"
