"""Final losses over the length of the warmup, and what rules say of it, from the tables with plain loops."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from support.claims_again import Row, Tables, loss_of

Situation = tuple[int, float, float, int]  # steps, peak rate, beta2, batch size


def ladder_runs(results: Path, studies: Iterable[str]) -> dict[Situation, dict[float, dict[int, float]]]:
    """By situation, share of the warmup and seed: the runs of small post-LN networks on Multi30k.

    The first six seeds of `confirm_length`; where that is not trained, those of the pilot on its validation split.
    """
    study, seeds, column = "confirm_length", range(10, 16), "test/loss"
    if study not in studies:
        study, seeds, column = "pilot", range(100, 104), "val/loss"
    found: dict[Situation, dict[float, dict[int, float]]] = {}
    for row in Tables.of(results, [study]).rows:
        share = row["schedule.warmup.fraction"]
        if row["seed"] in seeds and share == share and share is not None and _is_of_ladders(row):
            betas = row["optimizer.betas"]
            betas = json.loads(betas) if isinstance(betas, str) else betas
            here = (row["training.steps"], row["schedule.peak_lr"], betas[1], row["training.batch_size"])
            found.setdefault(here, {}).setdefault(share, {})[row["seed"]] = loss_of(row, column)
    return {
        here: {share: of_seeds for share, of_seeds in sorted(shares.items()) if len(of_seeds) == len(seeds)}
        for here, shares in found.items()
    }


def _is_of_ladders(row: Row) -> bool:
    kind = (row["model.norm"], row["optimizer.name"], row["schedule.decay.name"], row["schedule.warmup.shape"])
    whole = row.get("schedule.warmup.layers", "all") == "all" and row["data.name"] == "multi30k"
    return row["model.width"] == 32 and kind == ("post", "adam", "linear", "linear") and whole


def ladder(
    runs: dict[Situation, dict[float, dict[int, float]]], steps: int, rate: float, beta2: float, batch: int
) -> dict[float, list[float]]:
    """Final losses of a situation, seed by seed, by the share of its warmup."""
    return {share: list(losses.values()) for share, losses in runs[steps, rate, beta2, batch].items()}


def regret(means: dict[float, float], length: float, steps: int) -> float:
    """How far above the best length a warmup of so many steps ends; NaN below the shortest."""
    known = [share * steps for share in means]
    if length < known[0]:
        return float("nan")
    at = np.interp(np.log1p(length), np.log1p(known), list(means.values()))
    return float(at - min(means.values()))


def length_of(rule: str, steps: int, rate: float, beta2: float) -> float:
    """What the words of a rule say of a situation, at most 30 % of the run."""
    number = float(rule.split()[0].replace(",", "")) if rule[0].isdigit() else 0.0
    said = number
    if "%" in rule:
        said = number / 100 * steps
    elif "beta2" in rule:
        said = 2 / (1 - beta2)
    elif "times" in rule:
        said = number * rate
    return min(said, 0.3 * steps)


def rows_of(text: str, heading: str, level: str = "##", table: int = 0) -> list[list[str]]:
    """The rows of a table in a section of a report, its header first."""
    section = text.split(f"\n{level} {heading}\n")[1].split("\n## ")[0]
    if level == "###":
        section = section.split("\n### ")[0]
    tables = [block.splitlines() for block in section.split("\n\n") if block.startswith("|")]
    header, _, *rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in tables[table]]
    return [header, *rows]
