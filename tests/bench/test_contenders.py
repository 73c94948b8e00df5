"""Measured processes: they begin together, count the same work, and one that dies says why."""

from pathlib import Path

import pytest

from support.composing import SMALL
from warmuplab.bench import protocol
from warmuplab.bench.contender import KINDS
from warmuplab.bench.contenders import NAMES, operations
from warmuplab.bench.plan import Plan
from warmuplab.bench.protocol import FailedError, Spec, together
from warmuplab.bench.throughput import attempt, specs

TINY = (*SMALL, "training.batch_size=8")


def spec(kind: str, outputs: Path, *overrides: str, seeds: tuple[int, ...] = (0,)) -> Spec:
    return Spec(kind, (*TINY, *overrides), seeds, 1, 3, 2, str(outputs))


def test_a_spec_survives_its_way_to_the_process() -> None:
    sent = Spec("sweep", ("a=1", "b=[2,3]"), (4, 5), 2, 7, 3, "folder")
    assert Spec.from_json(sent.to_json()) == sent


@pytest.mark.parametrize("kind", ["sweep", "as_used", "trainer", "tutorial"])
def test_every_kind_says_what_it_did(kind: str, tmp_path: Path) -> None:
    (one,) = together([spec(kind, tmp_path)])
    assert one["tokens"] > 3 * 8 * 2  # three batches of eight sentences, of more than an end marker on either side
    assert one["seconds"] > 0
    assert one["start_up"] > 0
    assert one["peak_memory"] > 1e8  # torch alone is larger


def test_members_do_as_much_as_single_runs(tmp_path: Path) -> None:
    alone, both = (together([spec("sweep", tmp_path, seeds=seeds)])[0] for seeds in ((1,), (0, 1)))
    first = together([spec("sweep", tmp_path)])[0]
    assert both["tokens"] == alone["tokens"] + first["tokens"]
    assert both["flops"] == pytest.approx(alone["flops"] + first["flops"])


def test_processes_wait_for_each_other(tmp_path: Path) -> None:
    two = together([spec("products", tmp_path), spec("products", tmp_path)])
    assert len(two) == 2
    assert all(rate > 0 for one in two for rate in one["rates"].values())


def test_a_process_that_dies_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    (failing,) = (spec("sweep", tmp_path, "data=multi30k", f"data.path={tmp_path}/nowhere"),)
    assert "nowhere" in attempt([failing])["failed"]
    with pytest.raises(FailedError, match="KeyError: 'unknown'"):
        together([spec("unknown", tmp_path)])


def test_a_process_that_is_late_is_ended(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="no answer within 0 s"):
        together([spec("sweep", tmp_path)], longest_seconds=0.1)


def test_without_transformers_the_contender_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warmuplab.bench.contenders import hugging_face

    monkeypatch.setattr(hugging_face, "NEEDED", ("transformers", "no_such_package"))
    with pytest.raises(FailedError, match=r"^no_such_package not installed: pip install 'warmuplab\[bench\]'$"):
        hugging_face.train(spec("trainer", tmp_path), lambda: None)


def test_every_contender_is_one_process_per_core_but_the_one_that_has_all_threads() -> None:
    plan = Plan((), 1, 5, 3, "outputs", 16, print)
    found = {name: specs(plan, name) for name in NAMES}
    assert {name: (len(each), each[0].threads) for name, each in found.items()} == {
        name: (1, 3) if name == "trainer" else (3, 1) for name in NAMES
    }
    seeds = [seed for each in found["sweep"] for seed in each.seeds]
    assert seeds == list(range(24))  # nothing is trained twice
    assert all(each.kind in KINDS for processes in found.values() for each in processes)


def test_operations_per_step_do_not_depend_on_the_members(tmp_path: Path) -> None:
    counts = [
        operations.per_step(spec("operations", tmp_path, seeds=tuple(range(members))), lambda: None)
        for members in (2, 3, 5)
    ]
    for kind in ("bare", "probes"):
        assert counts[0][kind] == counts[1][kind] == counts[2][kind]
    alone = operations.count(spec("operations", tmp_path), operations.BARE)
    assert all(a <= b for a, b in zip(alone, counts[0]["bare"], strict=True))  # a copy or two fewer


def test_no_process_outlives_its_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    really = protocol._start

    def start(spec: Spec) -> protocol._Process:
        started.append(really(spec))
        return started[-1]

    monkeypatch.setattr(protocol, "_start", start)
    with pytest.raises(FailedError):
        together([spec("sweep", tmp_path), spec("unknown", tmp_path)])
    assert [one.process.poll() is None for one in started] == [False, False]
