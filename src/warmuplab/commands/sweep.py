"""Train a study and report it: `sweep quick training.steps=100`."""

import sys

from warmuplab.base.arguments import called_as
from warmuplab.commands import report, train

USAGE = """usage: {command} STUDY [key=value ...]

Trains the runs of conf/study/STUDY.yaml that are not finished, with the overrides given, and writes its report.
`{program} train --help` lists what can be set.
"""


def main() -> int:
    """Read the command line, train and report; the exit status."""
    arguments = sys.argv[1:]
    if not arguments or {"-h", "--help"} & set(arguments):
        print(USAGE.format(command=called_as(), program=called_as().split()[0]))
        return 0 if arguments else 2
    study, *overrides = arguments
    sys.argv[1:] = ["-m", f"+study={study}", *overrides]
    train.main()
    folders = [override.partition("=")[2] for override in overrides if override.startswith("outputs=")]
    sys.argv[1:] = [study, *(f"--outputs={folder}" for folder in folders[-1:])]
    return report.main()
