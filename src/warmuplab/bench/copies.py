"""Many finished runs in little time: copies of one, each with a seed and a name of its own and a whole record."""

import json
import re
from pathlib import Path

from warmuplab.record.verifying import CONFIG, LAYERS, METRICS, SUMMARY, sealed


def multiply(run: Path, copies: int, first_seed: int = 1_000_000) -> None:
    """Write so many copies of the run in the directory `run` beside it; their seeds begin with `first_seed`.

    What is read of a copy is all there and differs from run to run where a seed does; the series are those of `run`.
    """
    tables = {name: (run / name).read_bytes() for name in (METRICS, LAYERS) if (run / name).exists()}
    config, summary = (run / CONFIG).read_text(encoding="utf-8"), json.loads((run / SUMMARY).read_bytes())
    for seed in range(first_seed, first_seed + copies):
        name = re.sub(r"-s\d+-[0-9a-f]{8}$", f"-s{seed}-{seed:08x}", run.name)
        folder = run.with_name(name)
        folder.mkdir()
        for table, content in tables.items():
            (folder / table).write_bytes(content)
        (folder / CONFIG).write_text(re.sub(r"(?m)^seed: \d+$", f"seed: {seed}", config), encoding="utf-8")
        whole = sealed(summary | {"run_id": name, "seed": seed}, folder)
        (folder / SUMMARY).write_text(json.dumps(whole, indent=1), encoding="utf-8")
