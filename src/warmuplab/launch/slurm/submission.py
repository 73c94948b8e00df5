"""Handing arrays to `sbatch`, and what its refusals mean."""

import re
import subprocess
from collections.abc import Sequence

from warmuplab.base.errors import ConfigError, in_one_line
from warmuplab.launch.queue import QueuedPopulation
from warmuplab.launch.slurm import arrays, script, states
from warmuplab.launch.slurm.arrays import Array
from warmuplab.launch.slurm.settings import KEY, OURS, Settings

IS_FULL = ("temporarily unable to accept job", "submit limit", "submitjob", "invalid job array specification")
"""What SLURM says, in small letters, where it would take the array another time, or a smaller one."""
# The first that fits counts: an account may be refused in combination with a partition.
SAYS_WHY = {
    "maxwall": ("time", "use fewer minutes; `sacctmgr show qos` lists the limits"),
    "invalid account": ("account", "see `sacctmgr show associations user=$USER` for yours"),
    "partition": ("partition", "leave it out for the default one"),
    "time limit is": ("time", "use fewer minutes; `sinfo` lists the limits"),
    "memory": ("memory", "use less; `sinfo --format='%R %m'` lists what nodes have"),
    "generic resource": ("gpus", "see `sinfo --format='%R %G'` for what there is"),
    "gres": ("gpus", "see `sinfo --format='%R %G'` for what there is"),
    "node configuration": ("options", "ask for fewer cores, GPUs or less memory than now"),
}


NO_ANSWER = ("unable to contact", "timed out", "zero bytes", "standby mode", "connection refused", "try again later")
"""What it says where its controller did not answer: it may have taken the array all the same."""


class UnknownError(Exception):
    """Whether SLURM has the array is not known; the message is what it says."""


class FullError(Exception):
    """SLURM takes no more jobs now; the message is what it says."""


def planned(
    populations: Sequence[QueuedPopulation], settings: Settings, slots: int, largest: int
) -> list[tuple[Array, str]]:
    """Arrays for `populations`, none of more than `largest` tasks and each of one study, with their job files.

    All tasks of an array get the same cores, so those that train with more threads than others have their own. SLURM
    bounds the tasks at a time of an array alone: each gets what those before it leave of the `slots`, and at least one.
    """
    alike: dict[tuple[str, int], list[QueuedPopulation]] = {}
    for population in populations:
        threads = population.runs[0].config.hardware.threads
        alike.setdefault((str(population.file.path.parent), threads), []).append(population)
    plans = []
    for (_, threads), together in alike.items():
        for first in range(0, len(together), largest):
            part = together[first : first + largest]
            array = arrays.new(part[0].runs[0].config.study, [population.file.path for population in part])
            share = min(len(part), max(1, slots))
            slots -= share
            text = script.text(array.name, array.populations, settings, threads, share, array.folder)
            plans.append((array, text))
    return plans


def submit(array: Array, text: str, settings: Settings) -> int:
    """Hand the array to SLURM; its job id.

    Raises `FullError`, `UnknownError`, and `ConfigError` for what SLURM will never take.
    """
    array.write(text)
    words, printed, status = _sbatch(array, settings)
    number = printed.partition(";")[0].strip()  # behind it may stand the name of the cluster
    if status == 0 and number.isdigit():
        return int(number)
    said = in_one_line("; ".join(words)) or f"sbatch ended with status {status}"
    if any(sign in said.lower() for sign in NO_ANSWER):
        raise UnknownError(said)
    array.forget()
    raise FullError(said) if _is_full(said) else _refused(said, settings)


def _is_full(said: str) -> bool:
    """Whether there may be room another time. One sentence speaks of many limits; then a name says which is meant."""
    named = re.findall(r"\b(?:QOS|Assoc|Max)[A-Z]\w+|\b\w+Limit\b", said)
    return any(sign in said.lower() for sign in IS_FULL) and all("SubmitJob" in limit for limit in named)


def _sbatch(array: Array, settings: Settings) -> tuple[list[str], str, int]:
    """What it said and printed, and its exit status."""
    command = ["sbatch", "--parsable", str(array.script)]
    words = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(settings)
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            words.append(line.removeprefix("sbatch: ").removeprefix("error: ").strip())
            if IS_FULL[0] in line:  # it would try again for minutes, and is tried again from here
                process.kill()
        printed = process.stdout.read()
    return words, printed, process.returncode


def _environment(settings: Settings) -> dict[str, str]:
    """This process's, but for variables of sbatch that would take the place of what the job file says."""
    ours = {*OURS, *(name.replace("_", "-") for name in settings.options)}
    ours |= {name for name in ("partition", "account") if getattr(settings, name) is not None}
    shorter = {"array-inx": "array", "timelimit": "time", "req-switch": "switches", "cpus-per-gpu": "cpus-per-task"}
    shorter |= {"tres-per-task": "gres"} | dict.fromkeys(("mem-per-node", "mem-per-cpu", "mem-per-gpu"), "mem")

    def says(variable: str) -> str:
        option = variable.removeprefix("SBATCH_").lower().replace("_", "-")
        return shorter.get(option, option)

    told = states.environment()
    return {name: value for name, value in told.items() if not name.startswith("SBATCH_") or says(name) not in ours}


def _refused(said: str, settings: Settings) -> ConfigError:
    for sign, (name, remedy) in SAYS_WHY.items():
        if sign in said.lower():
            if name == "partition" and (there := states.partitions()):
                remedy = f"choose one of {', '.join(there)}"
            value = getattr(settings, name)
            return ConfigError(f"{KEY}.{name}", value, f"SLURM refuses it: {said}", f"set {KEY}.{name}: {remedy}")
    remedy = f"change what {KEY} asks for; hydra.launcher.dry=true prints the job file"
    return ConfigError("hydra.launcher.cluster", "slurm", f"SLURM refuses the jobs: {said}", remedy)
