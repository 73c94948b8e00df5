"""Measure what training costs here, against what users would run otherwise; about ten minutes on two cores.

Any group or setting of a run can be overridden, as in model.width=128, for all contenders.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from warmuplab.base.arguments import Parser

if TYPE_CHECKING:
    import argparse

STEPS = 32  # of a measurement: the whole stays under 12 minutes on two slow cores
PROBE_STEPS = 200  # of a run of the study `quick`


def main() -> int:
    """Read the command line, measure, and write report and figure after every part; the exit status."""
    parser = Parser(
        f"{__doc__}\nParts: contenders mfu members steps runs start-up operations; where they are named,\n"
        "also workers, collecting and probes (what the probes cost: takes minutes)."
    )
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="settings of a run")
    parser.add_argument("--parts", default="", metavar="A,B", help="measure these; the rest of the report stays")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contender is measured (3)")
    parser.add_argument("--steps", type=int, help="optimizer steps of a measurement (32; 200 of probes)")
    parser.add_argument("--workers", type=int, help="processes at a time (one per core)")
    parser.add_argument("--runs", type=int, default=64, help="largest sweep to time (64; 256 takes minutes)")
    parser.add_argument("--output", type=Path, help="folder of the report (results/bench/<machine>)")
    arguments = parser.parse_intermixed_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors("the parts that were measured to their end are written"):
        measure(arguments)
    return 0


def measure(arguments: "argparse.Namespace") -> None:
    """Measure what is asked for. Raises `ConfigError` before anything is measured where something cannot be."""
    import tempfile

    from warmuplab.base.arguments import usable_folder
    from warmuplab.base.errors import ConfigError
    from warmuplab.base.files import check_folder, say
    from warmuplab.bench import machine, parts, work
    from warmuplab.bench.page import writing
    from warmuplab.bench.plan import Plan

    for name in ("rounds", "steps", "workers", "runs"):
        number = getattr(arguments, name)
        if number is not None and number < 1:
            raise ConfigError(f"--{name}", number, "must be at least 1", f"use --{name} 1 or more")
    work.check(arguments.overrides)
    names = parts.chosen([name for name in arguments.parts.split(",") if name])
    folder = arguments.output or Path("results/bench") / machine.folder_name(machine.facts(), arguments.overrides)
    with usable_folder("--output", folder), tempfile.TemporaryDirectory() as outputs:
        check_folder(folder)
        for number, name in enumerate(names, 1):
            steps = arguments.steps or (PROBE_STEPS if name == "probes" else STEPS)
            workers = arguments.workers or machine.cores()
            overrides = tuple(arguments.overrides)
            plan = Plan(overrides, arguments.rounds, steps, workers, outputs, arguments.runs, say)
            say(f"Part {number} of {len(names)}, {name}: {parts.PARTS[name].about}.")
            try:
                parts.measure(name, plan, folder)
            finally:  # the rounds of an interrupted part are kept as well
                if parts.read(folder):
                    writing.write(folder)
    for path in sorted(folder.iterdir()):
        say(path)
