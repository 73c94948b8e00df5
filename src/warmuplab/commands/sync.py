"""Upload a study to W&B: its finished runs, each once, and one W&B run of the whole study.

The runs lie in outputs/STUDY/. The W&B run of the study comes from results/STUDY/ alone: its tables, verdicts, figures
and files. What was uploaded before is not uploaded again.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from warmuplab.base.arguments import Parser
from warmuplab.base.errors import ConfigError

if TYPE_CHECKING:
    from warmuplab.outcome.publishing import Upload
    from warmuplab.tracking.sync import Synced


def main() -> int:
    """Read the command line, upload and say what became of runs and study; the exit status."""
    parser = Parser(__doc__)
    parser.add_study()
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        return sync(arguments.study, arguments.outputs, arguments.results)


def sync(study: str, outputs: Path, results: Path) -> int:
    """Upload what there is of `study` and say so in a line for the runs and one for the study; the exit status.

    Raises `ConfigError` where there is neither a finished run nor a collected study.
    """
    from warmuplab.config.rerun import again
    from warmuplab.outcome.publishing import upload
    from warmuplab.tracking import sync as runs

    runs.check_wanted()
    synced = runs.sync(study, outputs)
    if synced is not None:
        print(f"runs: {_of_runs(study, synced)}", flush=True)
    uploaded = upload(study, outputs, results)
    if uploaded is not None:
        if synced is None:
            print(f"runs: none here, as {outputs / study} has no finished run")
        print(f"study: {_of_study(uploaded)}")
    elif synced is not None:
        print(f"study: not uploaded, as {results / study} is not there; `{again('report', study)}` makes it")
    else:
        problem = f"no finished run in {outputs / study} and nothing collected in {results / study}"
        raise ConfigError("STUDY", study, problem, f"train it first: {again('sweep', study)}")
    runs_failed = synced is not None and synced.failed + synced.damaged > 0
    study_failed = uploaded is not None and uploaded.what == "failed"
    return 1 if runs_failed or study_failed else 0


def _of_runs(study: str, synced: "Synced") -> str:
    from warmuplab.config.rerun import again

    off = f", {synced.off} trained with the tracker off" if synced.off else ""
    damaged = f", {synced.damaged} damaged (`{again('verify', study)}` lists them)" if synced.damaged else ""
    return f"{synced.uploaded} uploaded, {synced.known} uploaded before, {synced.failed} failed{off}{damaged}"


def _of_study(uploaded: "Upload") -> str:
    return {
        "uploaded": f"uploaded to {uploaded.place}",
        "uploaded before": f"uploaded before, to {uploaded.place}",
        "failed": "failed",
        "off": "not uploaded, as its tracker is off (tracker=none)",
    }[uploaded.what]
