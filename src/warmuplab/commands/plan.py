"""Say what a study will take, and train nothing: runs, tokens, time, memory and disk.

The time follows from a short training on this machine, which is kept for the next time. A study is a file in
conf/study/. Overrides, key=value, change a group or setting for all its runs, as for `sweep`.
"""

import sys
from functools import partial
from typing import Any

from warmuplab.base.arguments import Parser, called_as


def main() -> int:
    """Read the command line and print the plan; the exit status."""
    parser = Parser(f"{__doc__}`{called_as('train')} --help` lists what can be set.")
    parser.add_argument("study", help="its name, as in conf/study/quick.yaml")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="as in training.steps=100")
    parser.add_argument("--again", action="store_true", help="measure the pace of this machine again")
    arguments = parser.parse_intermixed_args()
    from warmuplab.commands import train
    from warmuplab.commands.sweep import place_of
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        place_of(arguments.study, arguments.overrides)
    sys.argv[1:] = ["-m", f"+study={arguments.study}", *arguments.overrides]
    return train.main(partial(_plan, again=arguments.again))


def _plan(*of_a_sweep: Any, again: bool) -> Any:
    from warmuplab.launch.launch import plan

    return plan(*of_a_sweep, again=again)
