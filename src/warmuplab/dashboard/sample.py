"""Which runs of a very large study its page shows: a browser draws a few thousand, and no more is seen of more."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from warmuplab.base.words import plural
from warmuplab.series.thinning import evenly_spaced
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms

MOST_RUNS = 2_000


def sampled(study: Study, arms: Arms) -> tuple[Study, str | None]:
    """`study` with the runs that its page shows, and a sentence without its dot that says so; None where all are.

    Of every arm and outcome the same share, spread over the seeds, and at least one run while there is room: so what
    happens rarely is seen.
    """
    if len(study.runs) <= MOST_RUNS:
        return study, None
    roles = arms.runs[["setting", "rate", "warmup", "outcome"]].reindex(study.runs.index).fillna("")
    by_seed = roles.assign(seed=study.runs["seed"]).sort_values("seed", kind="stable")
    indices = by_seed.groupby(list(roles), sort=False).indices.values()
    groups: list[NDArray[np.intp]] = list(map(np.asarray, indices))[:MOST_RUNS]
    share = (MOST_RUNS - len(groups)) / len(study.runs)  # beside the one run that each has
    places = np.concatenate([rows[evenly_spaced(len(rows), 1 + int(share * len(rows)))] for rows in groups])
    kept = study.runs[study.runs.index.isin(by_seed.index[places])]
    curves = study.curves[study.curves["run_id"].isin(kept["run_id"])]
    said = (
        f"this page shows {len(kept):,} of {plural(len(study.runs), 'run')}, the same share of every arm and outcome; "
        "report, figures and verdicts are of all"
    )
    return replace(study, runs=kept, curves=curves), said
