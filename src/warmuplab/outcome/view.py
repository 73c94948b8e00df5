"""The W&B run of a study: written from `results/<study>/`, whole each time, in one row."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from warmuplab.base.words import plural
from warmuplab.config.overrides import nested
from warmuplab.config.schema import TrackerConfig
from warmuplab.outcome import notes
from warmuplab.outcome.charts import Chart, charts_of
from warmuplab.outcome.content import FIGURES, Outcome
from warmuplab.outcome.tables import Cells, tables_of
from warmuplab.tracking import settings
from warmuplab.tracking.settings import quiet_wandb, run_settings

STAGED = "WANDB_DATA_DIR"  # names the folder in which W&B keeps an artifact's files until they are uploaded
VERDICTS = ("supported", "refuted", "no difference", "inconclusive", "not tested")
# Of a request that gets no answer. W&B asks for the type of an artifact before it logs one, and waits; what it sends
# in the background goes on trying until `FINISH_SECONDS` are over: given up, it would count as sent.
RETRIES, LONGEST_PAUSE, TRIES_IN_BACKGROUND = 2, 2.0, 6
RECORD = ["command", "commits", "versions", "hardware", "corpora", "steps", "weights"]  # of the manifest
RECORD += ["started", "ended", "seconds", "wall_seconds"]


def write(outcome: Outcome, folder: Path, tracker: TrackerConfig, mode: str) -> None:
    """Write the W&B run of `outcome` into `folder/wandb`, in place of what is there. Raises what W&B raises: after
    that, online, the process must end.

    Online, a run of the same id goes on: what the server has is not sent as another row, its files are sent again.
    """
    study, wandb = outcome.study, _patient(quiet_wandb(mode))
    shutil.rmtree(folder / "wandb", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    with _staging(folder / "wandb"):
        run = wandb.init(
            project=tracker.project,
            entity=tracker.entity,
            id=outcome.identity,
            name=study.name,
            group=study.name,
            job_type="study",
            notes=notes.describe(outcome.report()),
            config=configuration(outcome),
            dir=str(folder.resolve()),
            mode=mode,
            resume="allow" if mode == "online" else None,
            reinit="create_new",
            settings=_settings(wandb),
        )
        try:
            _fill(run, wandb, outcome, mode)
        except BaseException:
            if mode == "offline":  # online that would wait for a server that is lost
                run.finish(exit_code=1)
            raise
        run.finish(exit_code=0)


def _patient(wandb: Any) -> Any:
    """The module, which soon gives up a server that is gone where it waits for the answer."""
    wandb.setup(settings=wandb.Settings(x_graphql_retry_max=RETRIES, x_graphql_retry_wait_max_seconds=LONGEST_PAUSE))
    return wandb


def _settings(wandb: Any) -> Any:
    own = run_settings(wandb)
    own.x_graphql_retry_max = TRIES_IN_BACKGROUND
    own.x_graphql_retry_wait_max_seconds = settings.FINISH_SECONDS
    return own


def _fill(run: Any, wandb: Any, outcome: Outcome, mode: str) -> None:
    charts = {f"charts/{chart.name}": _chart(wandb, chart) for chart in charts_of(outcome.study)}
    media = {name: _table(wandb, cells) for name, cells in tables_of(outcome).items()} | _images(wandb, outcome)
    # In the summary first: that names the files by their content alone, where a row would put W&B's own count of rows
    # into the names, and a run that goes on would have every file twice.
    run.summary.update(media | {f"{name}_table": chart.table for name, chart in charts.items()} | counts(outcome))
    artifact = run.log_artifact(_artifact(wandb, outcome))
    if mode == "online":
        artifact.wait(timeout=settings.FINISH_SECONDS)  # raises where the server has not all of it
    # Step 0 and no other: a row that the server has already is left out.
    run.log(media | charts, step=0, commit=True)


def configuration(outcome: Outcome) -> dict[str, Any]:
    """What all runs of the study share, as a run of it would have it, and under `record` how it was obtained."""
    study, manifest = outcome.study, outcome.study.manifest
    record = {key: manifest.get(key) for key in RECORD} | {"varying": nested(manifest["varying"])}
    return {**nested(manifest["configuration"]), "study": study.name, "record": record}


def counts(outcome: Outcome) -> dict[str, int]:
    """Of the summary: `runs/total`, `runs/stuck`, ... and, where claims are about it, `claims/supported`, ..."""
    counted = {f"runs/{ended}": number for ended, number in outcome.study.manifest["runs"].items()}
    if outcome.verdicts:
        given = [claim.get("verdict") for claim in outcome.verdicts]
        counted["claims/total"] = len(given)
        counted |= {f"claims/{verdict.replace(' ', '_')}": given.count(verdict) for verdict in VERDICTS}
    return counted


def _table(wandb: Any, cells: Cells) -> Any:
    return wandb.Table(columns=cells.columns, data=cells.rows)


def _images(wandb: Any, outcome: Outcome) -> dict[str, Any]:
    words = notes.captions(outcome.report())
    return {f"{FIGURES}/{path.stem}": wandb.Image(str(path), caption=words.get(path.stem)) for path in outcome.figures}


def _chart(wandb: Any, chart: Chart) -> Any:
    places, values = zip(*chart.lines.values(), strict=True)
    return wandb.plot.line_series(
        list(places), list(values), keys=list(chart.lines), title=chart.title, xname=chart.axis
    )


def _artifact(wandb: Any, outcome: Outcome) -> Any:
    study = outcome.study
    description = f"results/{study.name}: {plural(study.manifest['runs']['total'], 'run')}"
    artifact = wandb.Artifact(study.name, type="results", description=description)
    for name, path in outcome.files():
        artifact.add_file(str(path), name=name, skip_cache=True)
    return artifact


@contextmanager
def _staging(folder: Path) -> Iterator[None]:
    """Let W&B keep an artifact's files in `folder`, not somewhere in the user's home."""
    before = os.environ.get(STAGED)
    os.environ[STAGED] = str(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[STAGED]
        else:
            os.environ[STAGED] = before
