"""The backend `debug`: one population after the other, in this process."""

import time

from warmuplab.base.memory import OutOfMemoryError
from warmuplab.launch.queue import (
    DONE,
    ELSEWHERE,
    FAILED,
    SECONDS_BETWEEN_LOOKS,
    TRAINING,
    WAITING,
    QueuedPopulation,
    Show,
    Sweep,
)
from warmuplab.record.leases import BusyError
from warmuplab.record.progress import Progress, Report
from warmuplab.worker import train_population


def run(populations: Sweep, slots: int, show: Show) -> None:
    """Train all populations one at a time, whatever `slots` says, as there is only this process."""
    while populations.among(WAITING, ELSEWHERE):
        taken = populations.take(1)
        if not taken:
            show(populations)
            time.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        population = taken[0]
        population.state = TRAINING
        try:
            trained = train_population(population.runs, population.file.name, _reporter(population, populations, show))
            population.state = DONE if trained else FAILED
        except OutOfMemoryError:
            if not populations.halve(population):
                population.state = FAILED
        except BusyError:  # another sweep was faster
            population.state = ELSEWHERE
        show(populations)


def _reporter(population: QueuedPopulation, populations: Sweep, show: Show) -> Report:
    def report(progress: Progress) -> None:
        population.hear(progress)
        show(populations)

    return report
