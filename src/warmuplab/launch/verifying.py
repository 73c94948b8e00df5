"""What lies beside the runs of a study and is not as it was written: nothing of it is lost that is not made again."""

from pathlib import Path

from warmuplab.base.errors import ConfigError
from warmuplab.data import tokens
from warmuplab.launch import recorded
from warmuplab.population import checkpoint
from warmuplab.population.checkpoint import DamagedError
from warmuplab.study import results as study_results
from warmuplab.worker import CACHE, CHECKPOINT


def problems_beside_runs(folder: Path) -> dict[Path, str]:
    """What is wrong, by file, with the populations and checkpoints of the study in `folder`, and with the corpora."""
    problems = {}
    for path in recorded.population_files(folder / "populations"):
        if recorded.read(path) is None:
            problems[path] = "not a population; its runs are packed anew"
    for path in sorted(folder.glob(f"populations/*{CHECKPOINT}")):
        try:
            checkpoint.read(path)
        except DamagedError as error:
            problems[path] = f"{error}; its runs begin anew"
    for path in sorted((folder.parent / CACHE).glob("*.npz")):
        problem = tokens.problem_of(path)
        if problem is not None:
            problems[path] = f"{problem}; it is made again from the text"
    return problems


def problems_of_results(study: str, results: Path) -> dict[Path, str]:
    """What is wrong with the collected study, by its folder; nothing where none is collected."""
    if not (results / study / study_results.RUNS).exists():
        return {}
    try:
        study_results.load(study, results)
    except ConfigError as error:
        return {results / study: f"{error.problem}; {error.remedy}"}
    return {}
