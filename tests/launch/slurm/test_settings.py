"""The settings of SLURM: what is asked for becomes options of sbatch, and what cannot be asked for is one line."""

from typing import Any

import pytest

from warmuplab.base.errors import ConfigError
from warmuplab.launch.slurm.settings import Settings


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"time": 0}, "time"),
        ({"gpus": 2}, "gpus"),
        ({"gpus": -1}, "gpus"),
        ({"cpus": 0}, "cpus"),
        ({"parallel": 0}, "parallel"),
        ({"requeues": -1}, "requeues"),
        ({"memory": "lots"}, "memory"),
        ({"memory": "0"}, "memory"),
        ({"gpu_memory": "8GiB"}, "gpu_memory"),
        ({"partition": "a\n#SBATCH --uid=root"}, "partition"),
        ({"account": " "}, "account"),
        ({"setup": ["module load x", ""]}, "setup"),
        ({"setup": ["a\nb"]}, "setup"),
        ({"options": {"--qos": "low"}}, "options"),
        ({"options": {"array": "0-3"}}, "options.array"),
        ({"options": {"job_name": "mine"}}, "options.job_name"),
        *(({"options": {name: True}}, f"options.{name}") for name in ("wait", "test_only", "parsable")),
        ({"options": {"clusters": "c2"}}, "options.clusters"),
        ({"options": {"gpus-per-task": 2}}, "options.gpus-per-task"),
        ({"options": {"qos": None}}, "options.qos"),
        ({"options": {"qos": "a\nb"}}, "options.qos"),
    ],
)
def test_what_cannot_be_used_is_named(told: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.of(told)
    assert caught.value.field == f"hydra.launcher.slurm.{field}"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "size"), [("100", 100 * 2**20), ("64K", 2**16), ("8G", 2**33), ("1T", 2**40), (None, None)]
)
def test_memory_is_in_the_units_of_slurm(told: str | None, size: int | None) -> None:
    assert Settings.of({"memory": told, "gpu_memory": told}).memory_bytes == size
    assert Settings.of({"memory": told, "gpu_memory": told}).gpu_memory_bytes == size
