"""The job file of an array: what `sbatch` is given, and what each task then does.

A task runs the worker command on the population with its index. The batch shell gets the signals and not `srun`, as a
population is one process on one node. It must outlive them: SLURM counts a job as over when its batch shell is, and
nothing would be saved. What happens then depends on who ends the task:

* SLURM preempts it and puts it back into the queue: SIGTERM, and the job is COMPLETING already. The worker saves, and
  SLURM starts the task again.
* It nears its time limit, or a scheduler warns of a preemption (USR1, or SIGTERM with a grace time): the job is still
  RUNNING, so nobody puts it back but the task itself. It requeues `ARRAYJOB_TASK`: the id of the array alone would
  requeue all its tasks, finished ones too. It asks for its state by that name as well: the id of the last task of an
  array is that of the array.
* A person cancels it: SIGTERM, and COMPLETING as well. It must not come back.

submitit writes the options of `sbatch`. Its own way to run a task, a pickled function, is not used: that ignores
SIGTERM, with which a preemption comes, and no person could start it by hand.
"""

import shlex
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from warmuplab.base.errors import ConfigError
from warmuplab.launch.slurm.settings import Settings
from warmuplab.record.leases import SECONDS_TO_LIVE
from warmuplab.worker import BUSY

SECONDS_TO_END = 120  # before its time limit, when a task is asked to save; SLURM may ask up to a minute earlier
LOG = "%A_%a.log"  # of the batch shell, by array and task
WAITS_FOR_LEASE, SECONDS_OF_A_WAIT = 5, 20  # more than a minute: so long a node that died holds its runs
assert WAITS_FOR_LEASE * SECONDS_OF_A_WAIT > SECONDS_TO_LIVE

# Before the set-up, in which a signal may come too.
_PROLOGUE = """\
populations=({populations})
file=${{populations[$SLURM_ARRAY_TASK_ID]}}
task=${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}
asked= worker=
ask() {{ asked=$1; [ -z "$worker" ] || kill -TERM "$worker" 2> /dev/null; }}
trap 'ask USR1' USR1
trap 'ask TERM' TERM"""

_COMMAND = """\
set +eu +o pipefail  # where a set-up said otherwise: neither a signal nor a failed worker may end this shell
for attempt in {{1..{waits}}}; do
  [ -z "$asked" ] || break
  {worker} "$file" >> "${{file%.json}}.log" 2>&1 & worker=$!
  [ -z "$asked" ] || ask "$asked"  # the signal came before the worker had its number
  wait "$worker"; status=$?
  while kill -0 "$worker" 2> /dev/null; do wait "$worker"; status=$?; done  # a signal ends a wait, not the worker
  worker=
  [ "$status" = {busy} ] || break  # in other hands: maybe those of a node that died, which it lets go of in a minute
  sleep {seconds} & wait $!
done
trap '' USR1 TERM  # a requeue ends this shell with a signal
if [ -n "$asked" ] && [ "${{status:-1}}" != 0 ]; then
  echo "$(date '+%F %T') $task: asked to end by $asked, restart ${{SLURM_RESTART_COUNT:-0}}"
  state=$(scontrol --oneliner show job "$task" | grep --only-matching 'JobState=[A-Z_]*')
  if [ "$state" = JobState=RUNNING ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {requeues} ]; then
    scontrol requeue "$task" && exit 0
  fi
fi
exit "${{status:-1}}\""""


def text(name: str, populations: Sequence[Path], settings: Settings, threads: int, slots: int, folder: Path) -> str:
    """The job file of the array `name` that trains `populations`, files relative to this folder, a task each.

    `slots` of them run at a time, each with `threads` cores unless the settings say more, and their shells print into
    `folder`. Raises `ConfigError` where submitit is missing.
    """
    executor = _executor(folder)
    delay = min(SECONDS_TO_END, settings.time * 60 // 4)
    more = {
        "array": f"0-{len(populations) - 1}%{min(slots, len(populations))}",
        "chdir": Path.cwd(),
        "output": f"{str(folder.resolve()).replace('%', '%%')}/{LOG}",
        "requeue": True,
        "signal": f"B:USR1@{delay}",
    }
    executor.update_parameters(
        job_name=name,
        partition=settings.partition,
        account=settings.account,
        nodes=1,
        cpus_per_task=max(settings.cpus or 1, threads),
        gres=f"gpu:{settings.gpus}" if settings.gpus else None,
        mem=settings.memory,
        time=settings.time,
        wckey=None,  # submitit's own would be unknown to a cluster that counts by them
        stderr_to_stdout=True,
        use_srun=False,
        additional_parameters=more | {key: value for key, value in settings.options.items() if value is not False},
        setup=[_PROLOGUE.format(populations=_listed(populations)), *settings.setup],
    )
    command = _COMMAND.format(
        worker=_worker(settings),
        waits=WAITS_FOR_LEASE,
        seconds=SECONDS_OF_A_WAIT,
        busy=BUSY,
        requeues=settings.requeues,
    )
    return str(executor._make_submission_file_text(command, "")).rstrip() + "\n"


def check_submitit() -> None:
    """Raise `ConfigError` where submitit is not installed."""
    try:
        _executor_class()
    except ImportError as error:
        remedy = "type pip install -e '.[slurm]', or pip install 'warmuplab[slurm]'"
        raise ConfigError("hydra.launcher.cluster", "slurm", f"needs submitit ({error})", remedy) from None


def _executor(folder: Path) -> Any:
    check_submitit()
    return _executor_class()(folder)


@cache
def _executor_class() -> Any:
    from submitit import SlurmExecutor

    class ArrayExecutor(SlurmExecutor):  # type: ignore[misc, unused-ignore]  # submitit is missing where it is not used
        """Writes a job file also where there is no SLURM."""

        @classmethod
        def affinity(cls) -> int:
            return 2

        def _convert_parameters(self, params: dict[str, Any]) -> dict[str, Any]:
            return params  # names and units are SLURM's own already

    return ArrayExecutor


def _listed(populations: Sequence[Path]) -> str:
    quoted = [shlex.quote(str(path)) for path in populations]
    return quoted[0] if len(quoted) == 1 else "\n  " + "\n  ".join(quoted) + "\n"


def _worker(settings: Settings) -> str:
    """The command of the worker; in a container that of its own Python."""
    python = settings.python or ("python" if settings.container else shlex.quote(sys.executable))
    return " ".join(filter(None, [settings.container, python, "-m warmuplab.worker"]))
