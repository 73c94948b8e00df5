"""`results/<study>/report.md`: what a study showed, from `results/<study>/` alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from warmuplab.base.files import write_text
from warmuplab.base.words import duration, listed, number, plural
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import CLAIMS_FILE, Judged, claims_about, gather, judge_for, studies_of, write_claims
from warmuplab.claims.registry import CLAIMS
from warmuplab.config.compose import CHECKOUT
from warmuplab.record.environment import describe_hardware
from warmuplab.report import measures, sentences
from warmuplab.report import verdicts as claims_in_report
from warmuplab.report.escaping import without_html
from warmuplab.report.pilot import is_pilot, pilot_sections
from warmuplab.report.registration import registration_section
from warmuplab.report.tables import as_markdown, result_table
from warmuplab.report.takeaway import takeaway
from warmuplab.report.verdicts import FIGURES
from warmuplab.series.instability import EPISODE_SHARE
from warmuplab.study.frozen import frozen
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms, arrange

REPORT = "report.md"


def judged_of(study: Study) -> tuple[list[Judged], Evidence]:
    """The claims about a study with their verdicts, on the other collected studies beside it too.

    Of a frozen study nothing is judged anew; the evidence is that of its generation.
    """
    folder = study.folder.parent
    if frozen(study.folder):
        from warmuplab.figures.claims.arms import FIRST

        return [], gather(study, FIRST, folder)
    claims = claims_about(study.name)
    evidence = gather(
        study, studies_of([claim for claim in CLAIMS if claim.family in {c.family for c in claims}]), folder
    )
    return judge_for(study.name, evidence), evidence


def write_report(study: Study, claims: tuple[list[Judged], Evidence] | None = None) -> list[Path]:
    """Draw the figures and write the report of `study`; the files, the report first (an SVG lies beside each PNG).

    Where claims are about the study, `claims.json` too; `claims` is what `judged_of` says, where that is known.
    """
    judged, evidence = claims or judged_of(study)
    drawn = draw_figures(study, (judged, evidence))
    names = [path.stem for path in drawn]
    if judged:
        write_text(study.folder / REPORT, without_html(compose_claims(study, judged, names)))
        return [study.folder / REPORT, write_claims(judged, study.folder), *drawn]
    (study.folder / CLAIMS_FILE).unlink(missing_ok=True)  # of claims that are registered no more
    write_text(study.folder / REPORT, without_html(compose(study, arrange(study), names)))
    return [study.folder / REPORT, *drawn]


def draw_figures(study: Study, claims: tuple[list[Judged], Evidence] | None = None) -> list[Path]:
    """Draw every figure that the study has data for, and remove those that it had before; the PNG files.

    Of a frozen study those that it has, again.
    """
    from warmuplab.figures.files import draw_of_claims, draw_of_study  # a second of imports that text does not need
    from warmuplab.figures.index import CLAIM_FIGURES, DIFFERENCES, PILOT_FIGURES, STUDY_FIGURES

    folder = study.folder / FIGURES
    judged, evidence = claims or judged_of(study)
    if frozen(study.folder):
        again = [path.stem for path in sorted(folder.glob("*.png")) if path.stem in CLAIM_FIGURES]
        return draw_of_claims(again, judged, evidence, folder)
    if judged:
        names = dict.fromkeys(name for one in judged for name in claims_in_report.figure_names(one))
        there = claims_in_report.figures_elsewhere(judged, study.name, study.folder)
        drawn = draw_of_claims([name for name in names if name not in there], judged, evidence, folder)
    else:
        figures = PILOT_FIGURES if is_pilot(study) else STUDY_FIGURES
        drawn = draw_of_study(list(figures), study, arrange(study), folder)
    known, new = {**STUDY_FIGURES, **PILOT_FIGURES, **CLAIM_FIGURES}, {path.stem for path in drawn}
    for old in sorted(folder.glob("*.*g")):  # only now: the report of another study may look for one meanwhile
        if old.stem not in new and (old.stem in known or old.stem.startswith(DIFFERENCES)):
            old.unlink()
    return drawn


def compose_claims(study: Study, judged: Sequence[Judged], drawn: Sequence[str]) -> str:
    """The text of the report of a study that claims are about: verdicts first."""
    places = {name: f"{FIGURES}/{name}.png" for name in drawn} | claims_in_report.figures_elsewhere(
        judged, study.name, study.folder
    )
    parts = [
        f"# Study `{study.name}`",
        obtained(study),
        *claims_in_report.verdict_section(judged),
        *claims_in_report.claim_sections(judged, places),
        *registration_section([one.claim for one in judged]),
        *_failures(study),
        "## How to reproduce it",
        _reproduction(study),
    ]
    return "\n\n".join(parts) + "\n"


def compose(study: Study, arms: Arms, drawn: Sequence[str]) -> str:
    """The text of the report, which embeds the figures named in `drawn`."""
    first = pilot_sections(study, [_figure(name) for name in drawn]) if is_pilot(study) else []
    drawn = [] if first else drawn
    parts = [
        f"# Study `{study.name}`",
        obtained(study),
        *first,
        "## Result",
        *_takeaway(arms),
        _legend(study, arms),
        result_table(arms).markdown(),
        *(_figure(name) for name in ("final_loss",) if name in drawn),
        *_measurements(arms),
        "## What this shows",
        _bullets([as_markdown(line) for line in sentences.shows(study, arms)]),
        "## What this does not show",
        _bullets(sentences.does_not_show(study, arms)),
        *_failures(study),
        *(["## Curves"] if set(drawn) - {"final_loss"} else []),
        *(_figure(name) for name in drawn if name != "final_loss"),
        "## How to reproduce it",
        _reproduction(study),
    ]
    return "\n\n".join(parts) + "\n"


def obtained(study: Study) -> str:
    """On what hardware and at what size the study was obtained, in one sentence."""
    manifest = study.manifest
    runs = plural(manifest["runs"]["total"], "run")
    if not manifest["hardware"]:
        return f"There are no results: all of the {runs} failed."
    machines = listed(dict.fromkeys(map(describe_hardware, manifest["hardware"])))
    steps = listed(f"{steps:,}" for steps in manifest["steps"])
    texts = (f"`{corpus['name']}` ({corpus['sentences']:,} sentence pairs)" for corpus in manifest["corpora"])
    corpora = listed(dict.fromkeys(texts))  # runs of another batch size count its epochs otherwise
    return (
        f"Obtained on {machines} with {_model(manifest)}, in {runs} of {steps} steps of"
        f" {_values(manifest, 'training.batch_size')} sentence pairs from the corpus {corpora}."
    )


def _model(manifest: Mapping[str, Any]) -> str:
    depth = listed(f"{depth}+{depth}" for depth in _all(manifest, "model.depth"))
    weights = listed(f"{weights:,}" for weights in manifest["weights"])
    return f"transformers of {depth} layers of width {_values(manifest, 'model.width')} ({weights} weights)"


def _legend(study: Study, arms: Arms) -> str:
    seeds = arms.runs["seed"].nunique()
    entropies = listed(
        f"{corpus['unigram_entropy']:.2f}" + (f" ({corpus['name']})" if len(study.manifest["corpora"]) > 1 else "")
        for corpus in study.manifest["corpora"]
    )
    over = f"the mean over {seeds} seeds, with the smallest and the largest" if seeds > 1 else "of the one seed"
    lines = [f"*Held-out loss*: at the end, on the whole validation split, in nats per token; {over}."]
    if study.manifest["corpora"]:
        lines[0] += f" The unigram entropy, what a model reaches that knows word frequencies only, is {entropies}."
    early = listed(f"{int(steps):,}" for steps in sorted(arms.runs["early_steps"].dropna().unique()))
    if "spike/max_rise" in arms.runs:
        lines.append(
            f"*Rise*, instability of the first {early} steps: how far the loss on one fixed held-out batch rose above"
            " the lowest it had so far, at most, in nats; *Lost*: the sum of that over the steps, in nat-steps, which"
            " is what training had to pull back; *Episodes*: rises by more than"
            f" {100 * EPISODE_SHARE:g} % of the unigram entropy. Means over seeds."
        )
    if "spike/count" in arms.runs:
        lines.append(
            "*Spikes*, per run: jumps of the training loss out of its noise, what length buckets differ by taken out."
        )
    if "overfit/gap_sum" in arms.runs:
        lines.append(
            "*Gap*, early overfitting: drop of the loss on the batch just trained on minus drop on held-out text,"
            f" summed over the first {early} steps, in nats per token; mean over seeds."
        )
    if "pre" in _all(study.manifest, "model.norm") and _all(study.manifest, "model.final_norm") == [False]:
        lines.append(
            "*pre-LN*: with no layer normalisation behind the decoder's last layer (`model.final_norm=false`)."
        )
    lines.append(
        "*Runs*: *trained* ended clearly below the unigram entropy, *stuck* finished without; *diverged* met a loss"
        " that is not finite and counts at the unigram entropy; *failed* ended in an error and is in no mean."
    )
    return "\n".join(f"- {line}" for line in lines)


def _takeaway(arms: Arms) -> list[str]:
    lines = takeaway(arms)
    return [_bullets([as_markdown(line) for line in lines])] if lines else []


def _measurements(arms: Arms) -> list[str]:
    parts = []
    for group, table in measures.measure_tables(arms).items():
        parts += [f"## {group}", _bullets(measures.legend(arms, group)), table.markdown()]
    return parts


def _failures(study: Study) -> list[str]:
    failed = study.runs[study.runs["status"] == "failed"]
    if failed.empty:
        return []
    lines = [f"`{run['run_id']}`: {_plain(run['error'])}" for run in failed.to_dict("records")]
    return ["## Failed runs", _bullets(lines)]


def _reproduction(study: Study) -> str:
    manifest = study.manifest
    parts = []
    if manifest["command"]:
        commits = [entry for entry in manifest["commits"] if entry["commit"]]
        checkout = f"git checkout {commits[0]['commit']}\n" if len(commits) == 1 else ""
        parts.append(f"```\n{checkout}{manifest['command']}\n```")
        if len(commits) > 1:
            states = listed(f"{entry['commit']} ({plural(entry['runs'], 'run')})" for entry in commits)
            parts.append(f"The runs come from {len(commits)} states of the code: {states}.")
    else:
        parts.append(
            "The runs were launched by hand: `runs.parquet` and `manifest.json` list what each was told, and every run"
            " directory holds its `config.yaml`."
        )
    if manifest["seconds"] is not None:
        wall = duration(manifest["wall_seconds"])
        parts.append(
            f"It took {duration(manifest['seconds'])} of training, {wall} from the first start to the last end."
        )
    if manifest["versions"]:
        parts.append(f"Versions: {', '.join(f'{name} {version}' for name, version in manifest['versions'].items())}.")
    parts += _corpora(manifest)
    again = f"{'python scripts/report.py' if CHECKOUT else 'warmuplab report'} {study.name}"
    parts.append(f"This page and its figures come from the tables that are collected in `results/`: `{again}`.")
    return "\n\n".join(parts)


def _corpora(manifest: Mapping[str, Any]) -> list[str]:
    """What is known of each text. Runs of another batch size, and those of before its licence was kept, share it."""
    texts: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for corpus in manifest["corpora"]:
        mark = (corpus["name"], corpus["fingerprint"], corpus["unigram_entropy"])
        texts.setdefault(mark, []).append(corpus)
    return [_corpus(records) for records in texts.values()]


def _corpus(records: Sequence[Mapping[str, Any]]) -> str:
    """A text by the `records` that runs have of it, which agree in its name, fingerprint and entropy."""

    def told(fact: str, words: str) -> list[str]:
        values = dict.fromkeys(str(record[fact]) for record in records if record.get(fact) is not None)
        return [f"{words} {listed(values)}"] if values else []

    facts = [
        f"fingerprint {records[0]['fingerprint']}",
        *told("test_fingerprint", "that of its test split"),
        *told("revision", "on the Hugging Face Hub commit"),
        f"unigram entropy {number(records[0]['unigram_entropy'], 4)} nats per token",
    ]
    sentences = [f"Corpus `{records[0]['name']}`: {', '.join(facts)}", *told("licence", "Licence:")]
    return f"{'. '.join(sentences)}."


def _figure(name: str) -> str:
    from warmuplab.figures.index import PILOT_FIGURES, STUDY_FIGURES

    caption = (STUDY_FIGURES | PILOT_FIGURES)[name].caption
    return f"![{caption}]({FIGURES}/{name}.png)\n\n*{caption}*"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _plain(error: object) -> str:
    """An error as text of a page, whatever it contains."""
    return " ".join(str(error).split()).replace("<", "&lt;").replace("`", "'")[:300]


def _all(manifest: Mapping[str, Any], key: str) -> list[Any]:
    """Every value that a configuration key takes in the study."""
    values: list[Any] = manifest["varying"].get(key) or [manifest["configuration"].get(key)]
    return values


def _values(manifest: Mapping[str, Any], key: str) -> str:
    return listed(_all(manifest, key))
