"""What takes more memory than there is: refused in a line with what it would take, and nothing that fits today."""

import time
from pathlib import Path

import pytest

from support.composing import ROOT, composed
from warmuplab.base import memory
from warmuplab.base.errors import ConfigError
from warmuplab.commands import find_lr, train
from warmuplab.launch.fitting import REFERENCE, TextSize, check, member_bytes, members_that_fit, workers_that_fit

TEXT = TextSize(vocabulary_size=2000, longest=48, held_out=326)  # of the embedded corpus
GIGABYTE = 10**9


def test_members_that_fit_grow_with_the_memory_and_shrink_with_the_network() -> None:
    small, wide = composed("model.width=64"), composed("model.width=512")
    sizes = [members_that_fit(small, TEXT, gigabytes * GIGABYTE, 2) for gigabytes in (1, 4, 16, 64)]
    assert sizes[0] == 1
    assert sizes == sorted(sizes)
    assert 8 <= sizes[2] < sizes[3]
    assert members_that_fit(wide, TEXT, 16 * GIGABYTE, 2) < sizes[2]
    many_words = TEXT._replace(vocabulary_size=50_000)
    assert members_that_fit(composed("data.vocabulary_size=50000"), many_words, 16 * GIGABYTE, 2) < sizes[2]
    assert members_that_fit(small, TEXT, 16 * GIGABYTE, 4) < sizes[2]
    assert members_that_fit(small, TEXT, None, 2) is None
    measured = 160e6  # a member of the peak of a worker of eight, at this size
    assert measured < member_bytes(small, TEXT) < 2 * measured


def test_steps_take_what_was_measured() -> None:
    longer, short = composed("training.steps=400000"), composed("training.steps=1000")
    grown = member_bytes(longer, TEXT) - member_bytes(short, TEXT)
    assert 645e6 < grown < 2 * 645e6  # the peak of such a run grew by that


def test_a_worker_starts_on_a_core_only_where_there_is_memory_for_it() -> None:
    config = composed()
    assert workers_that_fit(config, TEXT, None, 64) == 64
    assert workers_that_fit(config, TEXT, 500 * GIGABYTE, 64) == 64
    assert 2 <= workers_that_fit(config, TEXT, 4 * GIGABYTE, 64) <= 8
    assert workers_that_fit(config, TEXT, 1, 64) == 1


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (
            ("training.steps=1000000000",),
            "training.steps=1000000000: a member takes about .* use training.steps=1?[0-9]",
        ),
        (
            ("model.width=16384", "model.heads=4", "model.depth=1000"),
            "model.width=16384: with model.depth=1000 a member",
        ),
        (("model.feed_forward=131072", "model.depth=1000"), "model.depth=1000: with model.feed_forward=131072 a"),
        (("model.depth=1000", "training.batch_size=2808"), "model.depth=1000: with training.batch_size=2808 a member"),
    ],
)
def test_what_no_memory_holds_is_refused_with_what_it_would_take(overrides: tuple[str, ...], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as refused:
        check(composed(*overrides), TEXT, 3 * GIGABYTE)
    said = str(refused.value)
    assert "2.8 GiB are free; use " in said
    assert "\n" not in said
    check(composed(*overrides), TEXT, None)  # where the system does not say what is free, training may try


def test_what_is_named_as_a_remedy_fits() -> None:
    with pytest.raises(ConfigError) as refused:
        check(composed("training.steps=1000000000"), TEXT, 3 * GIGABYTE)
    remedy = refused.value.remedy.removeprefix("use ").removesuffix(" or less")
    assert member_bytes(composed(remedy), TEXT) <= 3 * GIGABYTE
    steps = int(remedy.partition("=")[2])
    assert member_bytes(composed(f"training.steps={steps + steps // 8}"), TEXT) > 3 * GIGABYTE


@pytest.mark.parametrize("study", [path.stem for path in sorted((ROOT / "conf" / "study").glob("*.yaml"))])
def test_no_study_is_refused_on_a_small_machine(study: str) -> None:
    long_text = TextSize(vocabulary_size=10_000, longest=64, held_out=1014)
    for free in (4 * GIGABYTE, GIGABYTE, 1):
        check(composed(f"+study={study}"), long_text, free)
    for key, value in REFERENCE.items():
        check(composed(f"{key}={2 * value}"), long_text, GIGABYTE)


def test_a_length_that_no_sentence_has_takes_nothing() -> None:
    assert member_bytes(composed("data.max_length=1000000000"), TEXT) == member_bytes(composed(), TEXT)
    assert member_bytes(composed("probes.batch_size=1000000000"), TEXT) < 2 * member_bytes(composed(), TEXT)


@pytest.mark.parametrize("sweep", [(), ("-m", "hydra.launcher.cluster=debug")], ids=["run", "sweep"])
def test_a_billion_steps_are_refused_at_once(
    sweep: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train.py", *sweep, f"outputs={tmp_path}", "training.steps=1000000000"]
    monkeypatch.setattr("sys.argv", arguments)
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        train.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: training.steps=1000000000: a member takes about ")
    assert said.count("\n") == 1
    assert time.monotonic() - began < 30
    assert not list(tmp_path.glob("single/*/summary.json"))


def test_too_many_seeds_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["find_lr.py", f"outputs={tmp_path}", "seeds=100000"])
    with pytest.raises(SystemExit) as ended:
        find_lr.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: seeds=100000: not a whole number from 1 to 100;")


def test_what_a_container_keeps_of_files_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("limit", "4000\n"), ("in_use", "3900\n"), ("stat", "anon 10\ninactive_file 3000\nx 1\n")):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "limit"),))
    monkeypatch.setattr(memory, "_IN_USE", (str(tmp_path / "in_use"),))
    monkeypatch.setattr(memory, "_CACHED", ((str(tmp_path / "stat"), "inactive_file "),))
    assert memory.available_memory() == 3100
