"""Train the runs of a study that are not finished, and write its report.

A study is a file in conf/study/. Overrides, key=value, change a group or setting for all its runs.
"""

import sys
from functools import partial
from typing import Any

from warmuplab.base.arguments import Parser, called_as
from warmuplab.base.errors import ConfigError


def main() -> int:
    """Read the command line, train and report; the exit status."""
    parser = Parser(f"{__doc__}`{called_as('train')} --help` lists what can be set.")
    parser.add_argument("study", help="its name, as in conf/study/quick.yaml")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="as in training.steps=100")
    arguments = parser.parse_args()
    from warmuplab.commands import report, train
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        name, outputs = place_of(arguments.study, arguments.overrides)
    sys.argv[1:] = ["-m", f"+study={arguments.study}", *arguments.overrides]
    train.main(partial(planned, arguments.study, arguments.overrides))  # ends the program where a run failed
    sys.argv[1:] = [name, f"--outputs={outputs}"]
    return report.main()


def planned(study: str, overrides: list[str], *of_a_sweep: Any) -> Any:
    """Train the runs of a sweep, and say beforehand what that will take, and which command says more of it."""
    from warmuplab.config.rerun import again
    from warmuplab.launch.launch import launch

    return launch(*of_a_sweep, plan_command=again("plan", study, overrides))


def place_of(study: str, overrides: list[str]) -> tuple[str, str]:
    """Where the runs land: the name of the study and the folder of it.

    Raises what Hydra raises for a study that there is not, and `ConfigError` where another is given as an override.
    """
    from warmuplab.config.compose import compose

    keys = {override: override.lstrip("+~").partition("=")[0] for override in overrides}
    for override, key in keys.items():
        if key == "study":
            raise ConfigError("study", override.partition("=")[2], "given twice", "name one study, without study=")
    folder = [override for override in overrides if keys[override] == "outputs"]
    composed = compose([f"+study={study}", *folder])
    return composed.study, composed.outputs
