"""From the file of a machine to its report and figure, and the command that writes them."""

from pathlib import Path
from typing import Any

import pytest

from support.composing import SMALL
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import read_json, write_json
from warmuplab.bench import parts
from warmuplab.bench.contenders import NAMES
from warmuplab.bench.page import report, writing
from warmuplab.bench.plan import Plan


def process(tokens: int, seconds: float) -> dict[str, Any]:
    return {"tokens": tokens, "flops": 1e9, "seconds": seconds, "start_up": 2.0, "peak_memory": 5e8}


def invented() -> dict[str, list[dict[str, Any]]]:
    rates = dict(zip(NAMES, (300, 200, 100, 120, 80, 250), strict=True))
    contenders = [
        {"round": n, "contender": name, "processes": [process(rate * n, 1.0)]}
        for n in (1, 2)
        for name, rate in rates.items()
        if name != "tutorial"
    ]
    contenders += [{"round": n, "contender": "tutorial", "failed": "out of memory"} for n in (1, 2)]
    products = {"processes": [{"rates": {"attention's": 2e9, "large": 4e9}}]}
    start_up = {"start_up": 3.0, "parts": {"import of torch": 1.5, "first step": 1.0}}
    return {
        "contenders": contenders,
        "mfu": [
            {
                "round": n,
                "width": 64,
                "feed_forward": 256,
                "sweep": {"processes": [process(10, n)]},
                "products": products,
            }
            for n in (1.0, 2.0)
        ],
        "members": [{"members": m, "steps": 10, "processes": [process(1, 0.1 * m)]} for m in (1, 4)],
        "steps": [
            {"probes": "none", "processes": [{"resident": {"50": 3e8, "400": 3.02e8}}]},
            {"probes": "default", "failed": "killed"},
        ],
        "runs": [{"runs": 16, "seconds": 8.0}, {"runs": 64, "seconds": 35.2}],
        "start-up": [{"processes": [start_up]}],
        "operations": [{"members": 2, "processes": [{"bare": [7, 7, 7], "probes": [7, 9, 8]}]}],
        "workers": [
            {"round": n, "workers": count, "processes": [process(100, seconds) | {"processor": 0.5}] * count}
            for n in (1, 2)
            for count, seconds in ((1, 1.0), (2, 1.25))
        ],
        "collecting": [{"runs": 1000, "processor": 4.0, "seconds": 3.0, "peak_memory": 2e8}],
        "probes": [{"round": 1, "probes": name, "seconds": s} for name, s in (("none", 2.0), ("full", 5.0))],
    }


def filled(folder: Path) -> dict[str, Any]:
    plan = Plan(("model.width=16",), 2, 5, 2, "outputs", 16, print)
    for name, measured in invented().items():
        parts.keep(folder, name, plan, measured, 1.0)
    return parts.read(folder)


def test_the_report_says_every_part_with_its_numbers(tmp_path: Path) -> None:
    text = report.text(filled(tmp_path))
    for row in (
        "| this project's sweep, bare | 450 | 3.00 (3.00-3.00) | 2.50 (2.50-2.50) | 2.0 s |",
        "| torch.nn.Transformer loop, one run per core | failed: out of memory |  |  |  |",
        "| 64, 256 | 1 | 2 | 4 | 19% (12%-25%) |",
        "| 4 | 10.0 | 500 |",
        "| probes | MB after 50 steps | MB after 400 steps | growth, MB |",
        "| none | 300.0 | 302.0 | +2.0 |",
        "| default | - | - | failed: killed |",
        "| 64 | 35.2 | 0.55 | 1.10 |",
        "| Python | 0.50 |",
        "| 2 | 7 | 9 |",
        "| 2 | 0.80 (0.80-0.80) | 1.00 (1.00-1.00) |",
        "| 1,000 | 4.0 | 4.0 | 3.0 | 200 |",
        "| full | 5.0 | 2.50 |",
        "overrides: model.width=16",
    ):
        assert row in text, row
    assert all(part in report.SECTIONS for part in parts.PARTS)


def test_a_part_that_is_measured_again_leaves_the_others(tmp_path: Path) -> None:
    before = filled(tmp_path)
    parts.keep(tmp_path, "runs", Plan((), 1, 5, 2, "outputs", 16, print), [{"runs": 16, "seconds": 1.0}], 1.0)
    after = parts.read(tmp_path)
    assert after["runs"]["measured_values"] == [{"runs": 16, "seconds": 1.0}]
    assert {**after, "runs": None} == {**before, "runs": None}


def test_a_part_of_an_older_form_is_left_out_until_it_is_measured_again(tmp_path: Path) -> None:
    filled(tmp_path)
    content = read_json(tmp_path / parts.FILE)
    del content["mfu"]["form"]  # as it was written before forms had numbers
    content["mfu"]["measured_values"] = [{"width": 64}]
    del content["runs"]["form"]  # whose values are still those
    write_json(tmp_path / parts.FILE, content)
    writing.write(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "## Share of the peak" not in text
    assert "## Growth over runs" in text


def test_report_and_figure_are_written_and_a_figure_only_of_what_there_is(tmp_path: Path) -> None:
    filled(tmp_path)
    assert [path.name for path in writing.write(tmp_path)] == ["report.md", "bench.png", "bench.svg"]
    assert "Seq2SeqTrainer" in (tmp_path / "report.md").read_text()
    other = tmp_path / "other"
    parts.keep(other, "runs", Plan((), 1, 5, 2, "outputs", 16, print), [{"runs": 16, "seconds": 1.0}], 1.0)
    assert [path.name for path in writing.write(other)] == ["report.md"]


def test_an_unknown_part_is_one_line() -> None:
    with pytest.raises(ConfigError, match="--parts=speed: no such part; choose from contenders, mfu"):
        parts.chosen(["mfu", "speed"])
    assert "probes" not in parts.chosen([])


def test_the_command_measures_a_part_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from warmuplab.commands import bench

    told = ["--parts", "steps", "--output", str(tmp_path / "here"), "--workers", "1", *SMALL]
    monkeypatch.setattr("warmuplab.bench.growth.STEPS", (2, 3))
    monkeypatch.setattr("sys.argv", ["bench.py", *told])
    assert bench.main() == 0
    said = capsys.readouterr().out
    assert "failed" not in said
    measured = parts.read(tmp_path / "here")["steps"]
    for value, probes in zip(measured["measured_values"], ("none", "default"), strict=True):
        assert value["probes"] == probes
        assert list(value["processes"][0]["resident"]) == ["2", "3"]
        assert min(value["processes"][0]["resident"].values()) > 1e8  # torch alone is larger
    assert measured["plan"]["overrides"] == list(SMALL)


def test_an_interrupted_part_leaves_the_rounds_that_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from warmuplab.commands import bench

    asked = []

    def attempt(specs: Any) -> dict[str, Any]:
        asked.append(specs)
        if len(asked) > len(NAMES):  # in the second round
            raise KeyboardInterrupt
        return {"processes": [process(10, 1.0) for _ in specs]}

    monkeypatch.setattr("warmuplab.bench.throughput.attempt", attempt)
    monkeypatch.setattr("sys.argv", ["bench.py", "--parts", "contenders", "--output", str(tmp_path), *SMALL])
    with pytest.raises(SystemExit, match="130"):
        bench.main()
    kept = parts.read(tmp_path)["contenders"]["measured_values"]
    assert {value["contender"] for value in kept} == set(NAMES)
    assert {value["round"] for value in kept} == {1}
    assert (tmp_path / "report.md").exists()


def test_sweep_and_products_take_turns_in_being_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from warmuplab.bench import throughput

    asked = []

    def attempt(specs: Any) -> dict[str, Any]:
        asked.append(specs[0].kind)
        return {"failed": "not measured here"}

    monkeypatch.setattr(throughput, "attempt", attempt)
    values = throughput.utilisation(Plan((), 2, 5, 1, "outputs", 16, lambda _: None))
    assert asked == ["sweep", "products"] * 2 + ["products", "sweep"] * 2
    assert [(v["round"], v["width"], v["feed_forward"]) for v in values] == [
        (1, 64, 256),
        (1, 128, 512),
        (2, 64, 256),
        (2, 128, 512),
    ]
