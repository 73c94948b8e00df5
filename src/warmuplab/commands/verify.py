"""Read everything that a study left behind, and list what is not as it was written.

Looked at are the records in outputs/STUDY/, the populations and checkpoints beside them, the tokenized corpora and the
tables in results/STUDY/. Nothing is changed.
"""

from pathlib import Path

from warmuplab.base.arguments import Parser
from warmuplab.base.errors import in_one_line
from warmuplab.base.words import plural


def main() -> int:
    """Read the command line and say what is damaged; the exit status, 1 where something is."""
    parser = Parser(__doc__)
    parser.add_study()
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        return verify(arguments.study, arguments.outputs, arguments.results)


def verify(study: str, outputs: Path, results: Path) -> int:
    """Print a line for the runs, one for whatever is damaged, and what to do; the exit status.

    Raises `ConfigError` where there is nothing of that name.
    """
    from warmuplab.base.arguments import check_study, usable_folder
    from warmuplab.base.errors import ConfigError
    from warmuplab.config.rerun import again
    from warmuplab.launch import verifying
    from warmuplab.record.directory import look_through

    check_study(study)
    folder = outputs / study
    if not folder.is_dir() and not (results / study).is_dir():
        problem = f"neither {folder} nor {results / study} is there"
        raise ConfigError("STUDY", study, problem, f"train it first: {again('sweep', study)}")
    with usable_folder("--outputs", folder):
        found = look_through(folder)
        problems = {**found.damaged, **verifying.problems_beside_runs(folder)}
    problems |= verifying.problems_of_results(study, results)
    failed = sum(not run.is_complete for run in found.runs)
    print(
        f"{plural(len(found.runs) - failed, 'whole record')}, {failed} failed, {len(found.unfinished)} unfinished, "
        f"{len(found.damaged)} damaged in {folder}"
    )
    for path, problem in problems.items():
        print(in_one_line(f"damaged: {path}: {problem}"))
    if problems:
        print(f"{again('sweep', study)} trains again what is damaged, and makes again what belongs to it.")
    return 1 if problems else 0
