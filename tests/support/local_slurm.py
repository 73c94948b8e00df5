"""A real SLURM of one node on this machine, without systemd and without an accounting daemon.

`python tests/support/local_slurm.py start FOLDER` starts it and prints what to export; `stop FOLDER` ends it. It needs
root, as its node starts processes for users, and Debian's packages: `apt-get install` of what `INSTALL` names.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
INSTALL = "apt-get install slurmctld slurmd slurm-client munge"
SECONDS_TO_START = 60.0
MUNGE_FOLDERS = ("/run/munge", "/var/lib/munge", "/var/log/munge")
MUNGE_KEY = Path("/etc/munge/munge.key")
MOST_JOBS, LARGEST_ARRAY = 40, 9  # that the queue takes; a job that ended has its place for five minutes more

# A requeued job waits for as long as credentials live and a second more, two minutes by default. The queue is small, so
# that it can be full. `low` is preempted by `high`, whose jobs take the whole node.
CONFIGURATION = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=cred_expire=8
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort=16817
SlurmdPort=16818
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmUser=root
SlurmdUser=root
SwitchType=switch/none
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=30
MinJobAge=300
MaxArraySize={array}
MaxJobCount={jobs}
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=ALL Default=NO MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


class CannotRunError(Exception):
    """Why SLURM cannot run here, and what would help."""


def check() -> None:
    """Raise `CannotRunError` where SLURM cannot be started."""
    missing = [program for program in PROGRAMS if not _program(program)]
    if missing:
        raise CannotRunError(f"no {', '.join(missing)} here: {INSTALL}")
    if os.geteuid() != 0:
        raise CannotRunError("needs root: its node starts processes for users")


def start(folder: Path) -> Path:
    """Start it, with all its files in `folder`; its configuration, for `SLURM_CONF`. Raises `CannotRunError`."""
    check()
    for name in ("state", "spool", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(host=socket.gethostname(), folder=folder, array=LARGEST_ARRAY, jobs=MOST_JOBS)
    )
    try:
        if not _munge_answers():
            _start_munge(folder)
        environment = os.environ | {"SLURM_CONF": str(configuration)}
        for daemon in ("slurmctld", "slurmd"):
            _run(_program(daemon), "-f", str(configuration), environment=environment)
        _wait_until_idle(environment, folder)
    except BaseException:
        stop(folder)
        raise
    return configuration


def stop(folder: Path) -> None:
    """End what was started in `folder`, by the ids that its daemons wrote there."""
    for daemon in ("slurmd", "slurmctld", "munged"):
        with suppress(OSError, ValueError):
            number = int((folder / f"{daemon}.pid").read_text())
            os.kill(number, signal.SIGTERM)
            _wait_for_end(number)


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """The cluster for the block; its configuration."""
    configuration = start(folder)
    try:
        yield configuration
    finally:
        stop(folder)


def _program(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin") or ""


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    if done.returncode:
        raise CannotRunError(f"{Path(command[0]).name}: {' '.join((done.stderr or done.stdout).split())}")
    return done.stdout


def _munge_answers() -> bool:
    return subprocess.run([_program("munge"), "-n"], capture_output=True, timeout=60, check=False).returncode == 0


def _start_munge(folder: Path) -> None:
    user = pwd.getpwnam("munge")
    for place in MUNGE_FOLDERS:
        Path(place).mkdir(parents=True, exist_ok=True)
        shutil.chown(place, user.pw_uid, user.pw_gid)
    if not MUNGE_KEY.exists():
        MUNGE_KEY.parent.mkdir(exist_ok=True)
        MUNGE_KEY.write_bytes(os.urandom(1024))
        shutil.chown(MUNGE_KEY, user.pw_uid, user.pw_gid)
        MUNGE_KEY.chmod(0o400)
    written = Path("/run/munge/munged.pid")
    _run("su", "-s", "/bin/sh", "munge", "-c", f"{_program('munged')} --pid-file={written}")
    shutil.copy(written, folder / "munged.pid")


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    latest = time.monotonic() + SECONDS_TO_START
    while "idle" not in _states(environment):
        if time.monotonic() > latest:
            raise CannotRunError(f"its node did not become idle in {SECONDS_TO_START:.0f} s; see {folder / 'log'}")
        time.sleep(0.5)


def _states(environment: dict[str, str]) -> str:
    with suppress(CannotRunError):
        return _run(_program("sinfo"), "--noheader", "--format=%T", environment=environment)
    return ""


def _wait_for_end(number: int) -> None:
    latest = time.monotonic() + 30
    while time.monotonic() < latest:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(number, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Start or stop one by hand; the exit status."""
    if len(arguments) != 2 or arguments[0] not in ("start", "stop"):
        print(__doc__)
        return 2
    folder = Path(arguments[1]).resolve()
    try:
        if arguments[0] == "start":
            print(f"export SLURM_CONF={start(folder)}")
        else:
            stop(folder)
    except CannotRunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
