"""The pilot's file and its plan belong together, and its report says what a plain look at its tables says."""

import dataclasses
import json
import math
import re
import statistics
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support import made_up_pilot
from support.claims_again import Tables, loss_of, power, same, upper
from support.composing import ROOT
from support.study_runs import configs_of, runs_by_grid
from warmuplab.claims.claim import Comparison
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.pilot.choices import BEST, PilotChoices, choose
from warmuplab.claims.planned.chosen import Chosen
from warmuplab.claims.planned.early import MEASURED, QUICK_MEASURED
from warmuplab.claims.planned.grids import rate_arms
from warmuplab.claims.planned.length import RATES, length_arms
from warmuplab.claims.planned.place import PILOT, SEEDS, STUDY, Place
from warmuplab.claims.planned.plan import plan
from warmuplab.claims.terms import LargestTrained, SmallestSufficient
from warmuplab.figures.index import PILOT_FIGURES
from warmuplab.report import page
from warmuplab.schedules import PARTS
from warmuplab.series.levels import LEVELS
from warmuplab.study import results, roles

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = made_up_pilot.write(tmp_path_factory.mktemp("whole"))
    return Evidence({STUDY: results.load(STUDY, folder.parent)})


@pytest.fixture(scope="module")
def made(evidence: Evidence) -> PilotChoices:
    return choose(evidence)


@pytest.fixture(scope="module")
def report(evidence: Evidence) -> str:
    written = page.write_report(evidence.studies[STUDY])
    assert [path.stem for path in written] == ["report", *PILOT_FIGURES]
    return written[0].read_text()


def test_no_run_of_the_pilot_comes_twice_and_its_seeds_are_its_own() -> None:
    runs = [run for grid in runs_by_grid(STUDY) for run in grid]
    assert len({run.run_id for run in runs}) == len(runs)
    assert {run.config.seed for run in runs} == set(SEEDS)
    assert {run.config.data.order for run in runs} == {"seed"}
    for path in (ROOT / "results").glob("*/runs.parquet"):
        if path.parent.name != STUDY:
            assert not set(SEEDS) & set(pd.read_parquet(path, columns=["seed"])["seed"]), path


def test_every_planned_contrast_has_all_its_runs_in_the_file(made: PilotChoices, evidence: Evidence) -> None:
    for need in made.needs:
        for comparison in need.planned.parts:
            assert evidence.missing(comparison.arms) == [], f"{need.planned.id}: {comparison.name}"
    assert evidence.missing(rate_arms(PILOT).values()) == []


def test_every_run_of_the_file_is_needed_by_a_choice_or_a_contrast(made: PilotChoices, evidence: Evidence) -> None:
    """Or described: steps of ladders in between, decays at a larger rate, and the parts of the network on the cliff."""
    planned = [need.planned for need in made.needs]
    arms = [arm for one in planned for part in (*one.parts, *one.elsewhere) for arm in part.arms]
    arms += [
        arm for steps, rates in RATES.items() for rate in rates for arm in length_arms(PILOT, steps, rate).values()
    ]
    used = {run for arm in [*arms, *rate_arms(PILOT).values()] for run in evidence.runs(arm)["run_id"]}
    runs = evidence.studies[STUDY].runs
    idle = runs[~runs["run_id"].isin(used)]
    ladders = (idle["schedule.peak_lr"] == 8e-3) & (idle["training.steps"] == 400)
    decays = (idle["schedule.decay.name"] != "linear") & (idle["schedule.peak_lr"].fillna(8e-3) == 8e-3)
    on_cliff = (idle["schedule.peak_lr"] == 1.6e-2) & idle["schedule.warmup.layers"].isin(PARTS)
    unexplained = idle[~(ladders | decays | on_cliff)]
    assert unexplained["run_id"].tolist() == []


def test_plans_have_ids_of_their_own_and_what_a_registration_needs() -> None:
    planned = plan(Chosen(), Place("confirm", tuple(range(10, 26))))
    assert len({one.id for one in planned}) == len(planned) >= 20
    for one in planned:
        assert re.fullmatch(r"[a-z0-9-]+", one.id)
        assert one.asks.endswith("?")
        for part in one.parts:
            assert part.smallest_effect - part.margin > 0
            assert {arm.study for arm in part.arms} == {"confirm"}
            assert {arm.seeds for arm in part.arms} == {tuple(range(10, 26))}


def test_levels_lie_where_the_pilot_measures_every_step() -> None:
    measured: dict[tuple[str, str], list[float]] = defaultdict(list)
    for config in configs_of(STUDY):
        if config.probes.enabled and not config.probes.loss_only:
            measured[config.data.name, config.model.norm].append(config.probes.early_fraction)
    assert set(measured["multi30k", "post"] + measured["multi30k", "pre"]) == {MEASURED}
    assert set(measured["jupyterlab", "pre"]) == {QUICK_MEASURED}


def test_choices_become_the_rates_of_contrasts(made: PilotChoices) -> None:
    for of, field in BEST.items():
        (best,) = (one for one in made.choices if (one.name, one.of) == ("best rate", of))
        assert best.value is not None
        assert getattr(made.chosen, field) == pytest.approx(best.value, rel=0.5)
    (helps,) = (need for need in made.needs if need.planned.id == "warmup-helps")
    assert {arm.rates for arm in helps.planned.parts[0].arms} == {(made.chosen.best,)}


def test_what_a_contrast_reports_follows_from_the_runs(made: PilotChoices, evidence: Evidence) -> None:
    runs = evidence.studies[STUDY].runs
    (helps,) = (need for need in made.needs if need.planned.id == "warmup-helps")
    arm = runs[
        (runs["model.norm"] == "post")
        & (runs["model.width"] == 32)
        & (runs["training.steps"] == 800)
        & (runs["optimizer.name"] == "adam")
        & (runs["schedule.decay.name"] == "linear")
        & np.isclose(runs["schedule.peak_lr"], made.chosen.best)
    ]
    by_fraction = {
        fraction: arm[arm["schedule.warmup.fraction"] == fraction].set_index("seed")["val/loss"]
        for fraction in (0.0, 0.1)
    }
    differences = [by_fraction[0.0][seed] - by_fraction[0.1][seed] for seed in SEEDS]
    part = helps.parts[0]
    assert part.differences == pytest.approx(differences)
    assert part.spread == pytest.approx(statistics.stdev(differences))
    assert part.upper > part.spread


def test_the_report_has_every_choice_claim_and_figure(report: str, made: PilotChoices) -> None:
    text = report
    for one in made.choices:
        assert one.sentence in text
        assert not one.refused or one.refused in text
    for need in made.needs:
        assert f"| {need.planned.id} |" in text
        assert not need.lacks or f"`{need.planned.id}`: {need.lacks}." in text
    for file in PILOT_FIGURES:
        assert f"figures/{file}.png" in text
    assert "## Result" in text


@pytest.mark.parametrize("left", [-1, 290])
def test_what_lacks_runs_is_refused_and_says_so(left: int, tmp_path: Path) -> None:
    folder = made_up_pilot.write(tmp_path, leave_out=-left if left < 0 else len(made_up_pilot.directories()) - left)
    study = results.load(STUDY, folder.parent)
    made = choose(Evidence({STUDY: study}))
    refused = [one for one in made.choices if "missing" in one.refused]
    lacking = [need for need in made.needs if need.seeds is None]
    assert all(one.value is None for one in refused)
    assert all(np.isnan(need.power) and need.lacks for need in lacking)
    assert refused or lacking
    if left > 0:
        assert len(lacking) > 5
    text = page.compose(study, roles.arrange(study), [])
    assert "without a value" in text or "missing" in text
    assert all(f"| {need.planned.id} |" in text for need in lacking)


def test_choices_of_the_committed_pilot_follow_from_its_tables() -> None:
    """By other code than that which chose: pandas groups and plain loops."""
    folder = RESULTS / STUDY
    if not (folder / "runs.parquet").exists():
        pytest.skip("the pilot has not been run: there is no results/pilot")
    told = (folder / "report.md").read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    runs = pd.read_parquet(folder / "runs.parquet")
    check_rates(runs, told, manifest)
    tables = Tables(runs, manifest["configuration"])
    made = choose(Evidence({STUDY: results.load(STUDY, RESULTS)}))
    check_arms(tables, told)
    check_levels(tables, told, made)
    check_claims(tables, told, made)


def test_the_same_look_at_the_made_up_pilot(evidence: Evidence, made: PilotChoices, report: str) -> None:
    study = evidence.studies[STUDY]
    check_rates(study.runs, report, study.manifest)
    check_arms(Tables(study.runs, study.manifest["configuration"]), report)
    check_levels(Tables(study.runs, study.manifest["configuration"]), report, made)
    check_claims(Tables(study.runs, study.manifest["configuration"]), report, made)


def check_rates(runs: pd.DataFrame, told: str, manifest: dict[str, Any]) -> None:
    """Cliffs, fixed rates, best rates and rivals as sentences of the report have them, from the runs anew."""
    assert manifest["study"] == STUDY
    simple = runs[
        (runs["optimizer.name"] == "adam")
        & (runs["optimizer.betas"] == "[0.9,0.98]")
        & (runs["model.width"] == 32)
        & (runs["training.batch_size"] == 16)
        & (runs["schedule.decay.name"] == "linear")
        & (runs["schedule.warmup.shape"] == "linear")
        & (runs["schedule.warmup.layers"] == "all")
    ]
    long = simple[simple["training.steps"] == 800]
    for norm, label in (("post", "post-LN"), ("pre", "pre-LN")):
        for fraction, warmup in ((0.0, "no warmup"), (0.1, "10 % warmup")):
            arm = long[(long["model.norm"] == norm) & (long["schedule.warmup.fraction"] == fraction)]
            by_rate: Any = dict(list(arm.groupby("schedule.peak_lr")))
            trains = {rate: bool(part["trained"].all()) for rate, part in by_rate.items()}
            cliff = max(rate for rate, good in trains.items() if good)
            (sentence,) = re.findall(rf"- {label}, {warmup}: the largest rate at which all .*? train is (\S+);", told)
            assert float(sentence) == pytest.approx(cliff)
            fixed = max((rate for rate in trains if rate <= cliff / 2 * 1.01), default=None)
            said = re.findall(rf"- {label}, {warmup}: fixed at (\S+),", told)
            assert [float(text) for text in said] == ([] if fixed is None else [pytest.approx(fixed)])
            ended = {
                rate: statistics.fmean(np.minimum(part["val/loss"].fillna(np.inf), part["unigram_entropy"]))
                for rate, part in by_rate.items()
            }
            best = min(ended, key=lambda rate: ended[rate])
            (line,) = re.findall(rf"- {label}, {warmup}: the lowest mean final loss, .*", told)
            loss, at = re.findall(r"loss, (\S+) nats, is that at (\S+) \(", line)[0]
            assert (float(loss), float(at)) == (pytest.approx(ended[best], abs=6e-4), pytest.approx(best))
            near = [rate for rate in by_rate if max(rate, best) / min(rate, best) < 1.43]
            assert ("on a cliff" in line) == (not all(trains[rate] for rate in near))
            assert ("an end of the grid" in line) == (best in (min(ended), max(ended)))
    for steps, rate, told_rate in ((200, 4e-3, "4e-3"), (800, 8e-3, "8e-3"), (3200, 8e-3, "8e-3")):
        high = simple[(simple["schedule.peak_lr"] == rate) & (simple["model.norm"] == "post")]
        ended = high[high["training.steps"] == steps].groupby("schedule.warmup.fraction")["val/loss"].mean().drop(0.1)
        ended = ended[ended.index.isin([0, 0.01, 0.03, 0.3])]
        assert f"{steps:,} steps at {told_rate}: {100 * ended.idxmin():g} % has the lowest" in told


def check_arms(tables: Tables, told: str) -> None:
    """Cliff, fixed and best rate of every arm, whatever its network or optimizer; levels, and the length of runs."""
    for of, arm in rate_arms(PILOT).items():
        there = tables.by_place(arm)
        good = [rate for rate in arm.rates if all(there[seed, rate]["trained"] for seed in arm.seeds)]
        said = re.findall(rf"- {of}: the largest rate at which all .*? train is ([\d.e-]+);", told)
        assert list(map(float, said)) == [pytest.approx(rate) for rate in good[-1:]], of
        half = [rate for rate in arm.rates if good and rate <= good[-1] / 2 * 1.01]
        said = re.findall(rf"- {of}: fixed at (\S+),", told)
        assert list(map(float, said)) == [pytest.approx(rate) for rate in half[-1:]], of
        means = [statistics.fmean(losses) for losses in zip(*tables.losses(arm), strict=True)]
        ((loss, at),) = re.findall(rf"- {of}: the lowest mean final loss, (\S+) nats, is that at (\S+) \(", told)
        assert float(loss) == pytest.approx(min(means), abs=6e-4), of
        assert float(at) == pytest.approx(arm.rates[means.index(min(means))]), of


def check_levels(tables: Tables, told: str, made: PilotChoices) -> None:
    """The deepest level that all arms compared reach in time, the length of the runs, and twice the best rates."""
    quick = {"data.name": "jupyterlab"}
    early = {"training.steps": 400, "probes.early_fraction": 0.5, "data.name": "multi30k"}
    late = {"training.steps": 800, "schedule.peak_lr": made.chosen.twice_best, "model.norm": "post"}
    late |= {"schedule.decay.name": "linear", "schedule.warmup.steps": None, "model.width": 32}
    for of, where, latest, shares in (
        ("post-LN, early", early | {"model.norm": "post"}, 0.8 * 0.5 * 400, (0.0, 0.1)),
        ("pre-LN, early", early | {"model.norm": "pre"}, 0.8 * 0.5 * 400, (0.0, 0.1)),
        ("network of quick", quick, 0.8 * 0.4 * 200, (0.0, 0.1)),
        (r"post-LN with warmup at \S+", late | {"optimizer.name": "adam"}, 0.6 * 800, (0.1,)),
    ):
        rows = [row for row in tables.rows if all(same(row.get(key), wanted) for key, wanted in where.items())]
        rows = [row for row in rows if row["schedule.warmup.fraction"] in shares]
        assert len(rows) in (4, 12), of
        worst = {level: max(row[f"probe/steps_to_{level:g}_below"] for row in rows) for level in LEVELS}
        reached = [level for level, step in worst.items() if step <= latest]
        reached = reached[:1] if of == "network of quick" else reached  # the lowest there
        said = re.findall(rf"- {of}: ([\d.]+) nats below the unigram entropy, where", told)
        assert list(map(float, said)) == reached[-1:], of
    below = {}
    for steps in (200, 800):
        where = late | {"training.steps": steps, "schedule.peak_lr": 4e-3, "schedule.warmup.fraction": 0}
        where |= {"optimizer.name": "adam", "schedule.warmup.layers": "all"}
        rows = [row for row in tables.rows if all(same(row.get(key), wanted) for key, wanted in where.items())]
        assert len(rows) == len(SEEDS)
        below[steps] = min(row["unigram_entropy"] for row in rows) - max(map(loss_of, rows))
        assert f"{below[steps]:.2f} after {steps} steps" in told
    enough = [steps for steps, nats in below.items() if nats >= 1.5]
    assert re.findall(r"(\d+) steps are the fewest", told) == [str(steps) for steps in enough[:1]]


def check_claims(tables: Tables, told: str, made: PilotChoices) -> None:
    """Mean, spread and bound of every contrast in the table, and seeds and power of every claim."""
    rows = [line.strip("| ").split(" | ") for line in told.splitlines() if line.startswith("| ")]
    for need in made.needs:
        bounds = []
        for part in need.parts:
            assert not part.missing or need.seeds is None
            if part.missing:
                continue
            differences = tables.difference(part.comparison)
            spread = statistics.stdev(differences)
            assert part.differences == pytest.approx(differences, abs=1e-9), need.planned.id
            bounds.append(max(upper(spread, len(differences)), least(part.comparison, len(differences))))
            cells = [f"{statistics.fmean(differences):.3f}", f"{spread:.3f} ({bounds[-1]:.3f})"]
            name = part.comparison.name
            texts = [" | ".join(row).replace("-0.000", "0.000") for row in rows]
            wanted = " | ".join([name, *cells]).replace("-0.000", "0.000")
            assert any(wanted in text for text in texts), (need.planned.id, wanted)
        if need.seeds is None:
            assert need.lacks
            continue
        distances = [part.comparison.smallest_effect - part.comparison.margin for part in need.parts]
        enough = [count for count in (16, 24, 32) if power(distances, bounds, count, len(made.needs)) >= 0.9]
        assert need.seeds == (enough or [32])[0], need.planned.id
        assert need.power == pytest.approx(power(distances, bounds, need.seeds, len(made.needs)), abs=1e-4)
        assert bool(need.lacks) == (not enough)
        assert f"| {need.seeds} | {need.power:.2f} |" in next(
            t for t in told.splitlines() if f"| {need.planned.id} |" in t
        )


def least(comparison: Comparison, seeds: int) -> float:
    """The spread that agreeing seeds leave open where a difference is read off a grid."""
    steps: list[float] = []
    for term in (*comparison.plus, *comparison.minus):
        if isinstance(term, LargestTrained):
            steps += [math.log2(b / a) for a, b in pairwise(term.arm.rates)]
        if isinstance(term, SmallestSufficient):
            steps += [math.log2(b / a) for a, b in pairwise(n for n in term.lengths if n)]
    share = 1 - 0.2 ** (1 / seeds)
    return min(steps) * math.sqrt(share * (1 - share)) if steps else 0.0


def test_a_need_is_never_less_with_more_claims_or_wider_spreads(made: PilotChoices) -> None:
    from warmuplab.claims.pilot.needs import need_of

    for need in made.needs:
        if need.seeds is None:
            continue
        wider = [dataclasses.replace(part, upper=2 * part.upper) for part in need.parts]
        assert need_of(need.planned, wider, len(made.needs)).power <= need.power + 1e-9 or need.seeds < 32
        more = need_of(need.planned, need.parts, 4 * len(made.needs))
        assert (more.needed or 10**6) >= (need.needed or 10**6)
