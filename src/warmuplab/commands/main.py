"""The console command `warmuplab`: the list of its commands, and how each is started."""

import signal
import sys
from difflib import get_close_matches
from importlib import import_module

from warmuplab.base import interrupts
from warmuplab.base.errors import in_one_line

# Each is a module of this package with a `main`, and what it does.
COMMANDS = {
    "train": "train one run, or sweep over many (-m)",
    "plan": "say what a study will take: runs, tokens, time, memory, disk",
    "sweep": "train a study and report it",
    "report": "collect a study and write its tables and figures",
    "find-lr": "find a peak learning rate: where the loss begins to jitter in a ramp",
    "dashboard": "write a study's page, to open in a browser",
    "figures": "draw figures from what is collected",
    "schedule": "show a learning-rate schedule in the terminal",
    "translate": "translate sentences with a finished run",
    "evaluate": "loss and BLEU of a finished run on held-out text",
    "retrain": "train a collected run again, in its population, and compare it with its record",
    "verify": "read all that a study left behind and list what is damaged",
    "sync": "upload a study to W&B: its runs and its outcome, each once",
    "bench": "measure what training costs here, against other ways to run it",
    "gpu-check": "check one GPU: its tests, what training costs on it, a small study",
}
ONLY_PRINT = (
    "plan",
    "report",
    "figures",
    "schedule",
    "translate",
    "evaluate",
    "verify",
)  # beside --help: these end quietly when `| head` has seen enough


def main() -> int:
    """Run the command that the command line names; the exit status."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print("usage: warmuplab COMMAND ...\n")
        print("\n".join(f"  {command:<11}{does}" for command, does in COMMANDS.items()))
        print("\n`warmuplab COMMAND --help` lists what a command takes.")
        return 0
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, 1)
        remedy = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(COMMANDS)}"
        print(in_one_line(f"error: {name}: no such command; {remedy}"), file=sys.stderr)
        return 2
    sys.argv = [f"warmuplab {name}", *rest]
    return run(name)


def run(name: str) -> int:
    """Run one of `COMMANDS` with the command line as it is; the exit status."""
    if (name in ONLY_PRINT or {"-h", "--help"} & set(sys.argv)) and hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in interrupts.SIGNALS:
        if number != signal.SIGINT:
            signal.signal(number, interrupts.raise_at)
    interrupts.end_with_make()
    status: int = import_module(f"warmuplab.commands.{name.replace('-', '_')}").main()
    return status
