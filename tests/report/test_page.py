"""The report: every number follows from the collected files, no run is dropped, whatever a study varies."""

import dataclasses
import itertools
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.composing import ROOT, composed
from support.synthetic_study import ENTROPY, leave, small_study
from warmuplab.base.words import MISSING, rate_label
from warmuplab.dashboard.payload import assemble
from warmuplab.figures.index import STUDY_FIGURES
from warmuplab.report import page, sentences
from warmuplab.study import collect, results, roles


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> results.Study:
    folder = tmp_path_factory.mktemp("report")
    small_study(folder / "outputs")
    collected, _ = collect.update("tiny", folder / "outputs", folder / "results")
    page.write_report(collected)
    return collected


def text_of(study: results.Study) -> str:
    return (study.folder / "report.md").read_text()


def table_in(text: str) -> list[dict[str, str]]:
    """The rows of the first table by their header."""
    table = next(part for part in text.split("\n\n") if part.startswith("| "))
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    header, _, *rows = lines
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_first_sentence_says_on_what_hardware_and_at_what_size(study: results.Study) -> None:
    title, first = text_of(study).split("\n\n")[:2]
    assert title == "# Study `tiny`"
    for part in ("2 CPU cores (Test Processor)", "4+4 layers of width 64", "594,944 weights", "20 steps", "16 runs"):
        assert part in first.partition(". ")[0]


MEASURED = {
    "Rise": ("spike/max_rise", 2),
    "Lost": ("spike/lost", 1),
    "Episodes": ("spike/episodes", 1),
    "Spikes": ("spike/count", 1),
    "Gap": ("overfit/gap_sum", 2),
}


def test_no_table_has_a_column_that_is_zero_everywhere(study: results.Study) -> None:
    tables = [part for part in text_of(study).split("\n\n") if part.startswith("| ")]
    assert tables
    for table in tables:
        lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
        for title, *cells in zip(lines[0], *lines[2:], strict=True):
            assert any(cell.strip("–0.-() ") for cell in cells), title


def test_what_to_take_away_comes_first_and_follows_from_the_arms(study: results.Study) -> None:
    first = text_of(study).partition("## Result\n\n")[2].partition("\n\n")[0]
    table = roles.arrange(study).table
    for line, setting in zip(first.splitlines(), ("post-LN", "pre-LN"), strict=True):
        assert line.startswith(f"- **{setting}**: ")
        of_setting = table[table["setting"] == setting]
        best = {bool(warmed): arms["loss"].min() for warmed, arms in of_setting.groupby(of_setting["warmup"] != "none")}
        assert f"{best[True]:.2f}" in line
        assert f"{best[False]:.2f}" in line
        lower = (
            f"ends {best[False] - best[True]:.2f} nats lower" if best[True] < best[False] else "no warmup ends lower"
        )
        assert lower.casefold() in line.casefold()


def test_every_number_of_the_table_follows_from_the_runs(study: results.Study) -> None:
    runs = pd.read_parquet(study.folder / "runs.parquet").to_dict("records")
    names = {"post-LN": "post", "pre-LN": "pre", "none": 0.0, "10 %": 0.1}
    rows = table_in(text_of(study))
    assert len(rows) == 8
    for row in rows:
        norm, rate, fraction = names[row["Setting"]], float(row["Peak lr"]), names[row["Warmup"]]
        arm = [
            run
            for run in runs
            if (run["model.norm"], run["schedule.peak_lr"], run["schedule.warmup.fraction"]) == (norm, rate, fraction)
        ]
        losses, outcomes = [], []
        for run in arm:
            if run["status"] == "failed":
                outcomes.append("failed")
                continue
            losses.append(ENTROPY if run["status"] == "diverged" else run["val/loss"])
            outcomes.append("diverged" if run["status"] == "diverged" else "trained" if run["trained"] else "stuck")
        spread = f" ({min(losses):.2f}–{max(losses):.2f})" if len(losses) > 1 else ""
        assert row["Held-out loss"] == f"{statistics.fmean(losses):.2f}{spread}"
        measured = [run for run in arm if run["status"] != "failed"]
        for title, (name, digits) in MEASURED.items():
            there = [run[name] for run in measured if not pd.isna(run[name])]
            cell = f"{statistics.fmean(there):.{digits}f}" if there else MISSING
            assert row.get(title, cell) == cell
            assert title in row or not there or float(cell) == 0  # a column that is zero everywhere is left out
        counted = {part.split()[1]: int(part.split()[0]) for part in row["Runs"].split(", ")}
        assert counted == {outcome: outcomes.count(outcome) for outcome in set(outcomes)}


def test_pairs_differ_in_the_warmup_alone(study: results.Study) -> None:
    arranged = roles.arrange(study)
    runs = [run for run in arranged.runs.to_dict("records") if run["status"] != "failed"]
    expected = [
        (a["val/loss"] if a["status"] == "finished" else ENTROPY)
        - (b["val/loss"] if b["status"] == "finished" else ENTROPY)
        for a, b in itertools.product(runs, runs)
        if (a["model.norm"], a["schedule.peak_lr"], a["seed"]) == (b["model.norm"], b["schedule.peak_lr"], b["seed"])
        and (a["schedule.warmup.fraction"], b["schedule.warmup.fraction"]) == (0.1, 0.0)
    ]
    found = roles.paired_differences(arranged, "loss", "10 %")
    assert sorted(found) == pytest.approx(sorted(expected))
    lower = sum(difference < 0 for difference in expected)
    said = [line for line in sentences.shows(study, arranged) if "lower held-out loss than" in line]
    assert len(said) == 1
    assert f"{lower} of {len(expected)} pairs" in said[0]
    assert f"{statistics.median(expected):+.2f}" in said[0]


@pytest.mark.parametrize("fractions", [(0.1,), (0.0, 0.1)])
def test_runs_that_differ_in_the_warmed_up_layers_are_arms_of_their_own(
    tmp_path: Path, fractions: tuple[float, ...]
) -> None:
    layers = ("all", "decoder", "none", ["decoder.*.cross", "encoder.*.self"])
    for fraction in fractions:
        for each in layers if fraction else ("all",):
            for seed in (0, 1):
                keys = {"schedule__warmup__fraction": fraction, "schedule__warmup__layers": each}
                leave(tmp_path / "outputs", seed=seed, **keys)
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    arms = roles.arrange(study)
    patterns = "10 % (decoder.*.cross, encoder.*.self)"
    expected = {"10 %", "10 % (decoder)", "10 % (no layers)", patterns} | ({"none"} if 0.0 in fractions else set())
    assert set(arms.warmups) == expected
    assert arms.table["runs"].tolist() == [2] * len(expected)
    page.write_report(study)
    assert patterns.replace("*", r"\*") in text_of(study)  # no emphasis between two asterisks
    data, _ = assemble(study)
    assert {run["warmup"] for run in data["runs"]} == expected
    (command,) = {run["command"] for run in data["runs"] if run["warmup"] == patterns and run["seed"] == 0}
    assert "'schedule.warmup.layers=[decoder.*.cross,encoder.*.self]'" in command


def test_the_largest_rate_is_one_at_which_every_seed_trained(study: results.Study) -> None:
    lines = [line for line in sentences.shows(study, roles.arrange(study)) if "every seed trained" in line]
    assert lines == [
        "post-LN: largest peak rate at which every seed trained: 1e-3 without warmup; 1e-3 with 10 % warmup.",
        "pre-LN: largest peak rate at which every seed trained: 1e-3 without warmup; 1.6e-2 with 10 % warmup.",
    ]


def test_the_caveat_on_smaller_steps_names_the_controls_to_type(study: results.Study) -> None:
    (said,) = (line for line in sentences.does_not_show(study, roles.arrange(study)) if "Smaller steps" in line)
    for window in ("0.05", "0.2"):  # of memorisation, and the early window
        overrides = f"schedule/warmup=equal_area schedule.warmup.window={window}"
        assert f"`{overrides}`" in said
        warmup = composed(*overrides.split()).schedule.warmup
        assert (warmup.shape, warmup.window) == ("equal_area", float(window))


def test_failed_runs_are_listed_and_cannot_inject_markup(study: results.Study) -> None:
    text = text_of(study)
    failed = study.runs.loc[study.runs["status"] == "failed", "run_id"]
    section = text.partition("## Failed runs")[2].partition("##")[0]
    assert all(run_id in section for run_id in failed)
    assert "<b>" not in text


def test_the_text_that_was_learned_is_told_once_with_its_licence(study: results.Study) -> None:
    """Also where some runs have a record from before the licence, the commit and the test split were kept."""
    known = study.manifest["corpora"][0] | {"revision": "c" * 40}
    older = {key: known[key] for key in ("name", "fingerprint", "unigram_entropy", "sentences", "runs")}
    smaller = older | {"unigram_entropy": 5.5}
    told = [line for line in page._reproduction(with_corpora(study, older, known)).split("\n\n") if "Corpus" in line]
    assert told == [
        f"Corpus `jupyterlab`: fingerprint 0123456789abcdef, that of its test split fedcba9876543210, on the"
        f" Hugging Face Hub commit {'c' * 40}, unigram entropy 6.0000 nats per token. Licence: BSD-3-Clause."
    ]
    (one, other) = page._corpora({"corpora": [older, smaller]})
    assert one == "Corpus `jupyterlab`: fingerprint 0123456789abcdef, unigram entropy 6.0000 nats per token."
    assert "5.5000 nats" in other


def with_corpora(study: results.Study, *records: dict[str, Any]) -> results.Study:
    return dataclasses.replace(study, manifest=study.manifest | {"corpora": list(records)})


@pytest.fixture(scope="module")
def told_again(
    study: results.Study, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """What the command writes to a folder where the collected tables are alone, and what it prints."""
    folder = tmp_path_factory.mktemp("again")
    shutil.copytree(study.folder, folder / "results" / "tiny", ignore=shutil.ignore_patterns("figures", "report.md"))
    return folder / "results" / "tiny", command("tiny", folder=folder)


def test_the_results_alone_give_the_same_report_and_figures(
    study: results.Study, told_again: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    folder, _ = told_again
    before = {path.name: path.read_bytes() for path in study.folder.rglob("*") if path.is_file()}
    after = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before
    assert {name for name in after if name.endswith("g")} == {
        f"{figure}.{kind}" for figure in STUDY_FIGURES for kind in ("png", "svg")
    }
    for figure in STUDY_FIGURES:
        assert f"(figures/{figure}.png)" in (folder / "report.md").read_text()


def one_seed(outputs: Path) -> None:
    for fraction in (0.0, 0.1):
        leave(outputs, schedule__warmup__fraction=fraction)


def one_run(outputs: Path) -> None:
    leave(outputs)


def no_warmup_variation(outputs: Path) -> None:
    for rate, seed in itertools.product((1e-3, 2e-3), (0, 1)):
        leave(outputs, schedule__peak_lr=rate, seed=seed)


def all_failed(outputs: Path) -> None:
    for fraction in (0.0, 0.1):
        leave(outputs, "failed", schedule__warmup__fraction=fraction)


def all_diverged(outputs: Path) -> None:
    for fraction, rate in itertools.product((0.0, 0.1), (1e-3, 2e-3)):
        leave(outputs, "diverged", schedule__warmup__fraction=fraction, schedule__peak_lr=rate)


def without_probes(outputs: Path) -> None:
    for fraction in (0.0, 0.1):
        leave(outputs, probes=False, schedule__warmup__fraction=fraction)


def optimizers(outputs: Path) -> None:
    for fraction in (0.0, 0.1):
        leave(outputs, schedule__warmup__fraction=fraction)
        sgd = {"optimizer__name": "sgd", "optimizer__betas": None, "optimizer__eps": None, "optimizer__momentum": 0.9}
        leave(outputs, schedule__warmup__fraction=fraction, **sgd)


def decays_with_and_without_a_peak(outputs: Path) -> None:
    for rate in (1e-3, 2e-3):
        leave(outputs, schedule__peak_lr=rate)
    noam = {"name": "noam", "d_model": 64, "scale": 1.0}
    noam_warmup = {"schedule__warmup__fraction": None, "schedule__warmup__steps": 4}
    leave(outputs, schedule__decay=noam, schedule__peak_lr=None, **noam_warmup)


def many_settings(outputs: Path) -> None:
    for width, fraction in itertools.product(range(8, 28, 2), (0.0, 0.1)):
        leave(outputs, model__width=width, model__heads=2, schedule__warmup__fraction=fraction)


def many_warmups(outputs: Path) -> None:
    for fraction in (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
        leave(outputs, schedule__warmup__fraction=fraction, training__steps=100)


def interrupted_before_the_configuration(outputs: Path) -> None:
    run = leave(outputs, "failed", seed=1)
    (run.directory / "config.yaml").unlink()
    leave(outputs)


SHAPES: list[Callable[[Path], None]] = [
    one_seed,
    one_run,
    no_warmup_variation,
    all_failed,
    all_diverged,
    without_probes,
    optimizers,
    decays_with_and_without_a_peak,
    many_settings,
    many_warmups,
    interrupted_before_the_configuration,
]


@pytest.mark.parametrize("make", SHAPES, ids=lambda make: make.__name__)
def test_a_study_of_another_shape_is_reported_whole(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "outputs")
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    arranged = roles.arrange(study)
    text = page.compose(study, arranged, [])
    counted = sum(int(part.split()[0]) for row in table_in(text) for part in row["Runs"].split(", "))
    assert counted == len(study.runs)
    assert "nan" not in text.lower()
    assert "None" not in text
    runs = arranged.table["runs"].tolist()
    seeds = study.runs["seed"].nunique()
    assert all(count <= seeds for count in runs)  # no arm mixes runs that differ in more than the seed
    assert text.count("\n- ") >= 4


def test_settings_and_their_redundant_knobs_become_one_label(tmp_path: Path) -> None:
    optimizers(tmp_path / "outputs")
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert roles.arrange(study).settings == ["adam", "sgd"]


def test_warmups_are_ordered_by_length(tmp_path: Path) -> None:
    many_warmups(tmp_path / "outputs")
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert roles.arrange(study).warmups == ["none", "1 %", "2 %", "5 %", "10 %", "20 %", "30 %", "50 %"]


@pytest.mark.parametrize(
    ("rate", "label"), [(1e-3, "1e-3"), (0.016, "1.6e-2"), (2.0, "2e0"), (float("nan"), "its own")]
)
def test_rates_are_written_as_typed(rate: float, label: str) -> None:
    assert rate_label(rate) == label


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "report.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_a_table_for_80_columns_and_the_paths(
    study: results.Study, told_again: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    _, finished = told_again
    assert finished.returncode == 0, finished.stderr
    assert max(map(len, finished.stdout.splitlines())) <= 80
    assert "…" not in finished.stdout
    assert "\x1b" not in finished.stdout
    for row in table_in(text_of(study)):
        assert row["Held-out loss"] in finished.stdout
    assert "results/tiny/report.md" in finished.stdout
    assert "results/tiny/figures/final_loss.png" in finished.stdout


def test_a_study_that_is_nowhere_is_one_line_and_status_2(tmp_path: Path) -> None:
    finished = command("nosuch", folder=tmp_path)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1
    assert "make sweep STUDY=nosuch" in finished.stderr
    assert list(tmp_path.iterdir()) == []


def test_warmups_in_steps_and_in_fractions_keep_their_own_words(tmp_path: Path) -> None:
    decays_with_and_without_a_peak(tmp_path / "outputs")
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    arranged = roles.arrange(study)
    assert arranged.keys == [("linear", "1e-3", "10 %"), ("linear", "2e-3", "10 %"), ("noam", "its own", "4 steps")]
