"""`python -m warmuplab.tracking RUN_DIRECTORY...` publishes finished records, again if need be."""

import sys
from collections.abc import Sequence
from pathlib import Path

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import say
from warmuplab.config.messages import one_line_errors
from warmuplab.record.verifying import is_complete, problem_of
from warmuplab.tracking.publishing import publish
from warmuplab.tracking.settings import check, mode_of, tracker_of


def main(arguments: Sequence[str]) -> int:
    """Publish, again if need be, the finished records in the directories of `arguments`; returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m warmuplab.tracking RUN_DIRECTORY...", file=sys.stderr)
        return 2
    directories = [Path(argument) for argument in arguments]
    with one_line_errors():
        for directory in directories:
            if not is_complete(directory):
                problem = problem_of(directory) or "no finished run"
                raise ConfigError("RUN_DIRECTORY", directory, problem, "give outputs/<study>/<run_id>")
            tracker = tracker_of(directory)
            check(tracker)
            if mode_of(tracker) == "disabled":
                remedy = "change `tracker` in its config.yaml, and WANDB_MODE"
                raise ConfigError("RUN_DIRECTORY", directory, "its tracker is off", remedy)
        published = [publish(directory) for directory in directories]
        say(f"{sum(published)} of {len(directories)} published")
    return 0 if all(published) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
