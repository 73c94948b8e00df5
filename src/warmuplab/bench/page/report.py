"""`report.md` of a machine: what was measured, in tables and plain words."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warmuplab.base.files import write_text
from warmuplab.bench import growth, ratios, scale, throughput
from warmuplab.bench.contenders import NAMES
from warmuplab.bench.page.device_tables import DEVICE_SECTIONS
from warmuplab.bench.page.markdown import failed, failure, table
from warmuplab.population.flops import utilisation
from warmuplab.record.environment import describe_hardware

Values = list[dict[str, Any]]
Section = Callable[[Values], str]


def write(folder: Path, parts: dict[str, Any]) -> Path:
    """Write the report of these parts beside their file; its path."""
    path = folder / "report.md"
    write_text(path, text(parts))
    return path


def text(parts: dict[str, Any]) -> str:
    """The whole page."""
    pages = [_head(parts)]
    for name, section in SECTIONS.items():
        if name in parts:
            pages.append(f"{section(parts[name]['measured_values'])}\n\n{_measured(name, parts[name])}")
    return "\n\n".join(pages) + "\n"


def _head(parts: dict[str, Any]) -> str:
    hardware = next(iter(parts.values()))["hardware"]
    figure = "\n\n![Throughput and growth](bench.png)" if "contenders" in parts or "members" in parts else ""
    return f"# What training costs on {describe_hardware(hardware)}{figure}"


def _measured(name: str, part: dict[str, Any]) -> str:
    told, versions = part["plan"], part["versions"]
    settings = " ".join(told["overrides"]) or "none"
    on_device = f"{told['steps'] / 10:g} s each"  # of one process
    often = on_device if name in DEVICE_SECTIONS else f"{told['steps']} steps, {told['workers']} processes"
    dirty = ", with uncommitted changes" if part["dirty"] else ""
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers") if versions.get(name))
    return (
        f"*Measured {part['measured']} in {part['seconds']:.0f} s: {often},"
        f" overrides: {settings}; commit {(part['commit'] or 'unknown')[:10]}{dirty}; {libraries}.*"
    )


def _contenders(values: Values) -> str:
    rows = []
    all_rates = {name: ratios.rates(values, name) for name in NAMES}
    for name, words in NAMES.items():
        mine = all_rates[name]
        if not mine:
            rows.append([words, failure(failed(values, contender=name)), "", "", ""])
            continue
        start_up = [one["start_up"] for v in values if v["contender"] == name for one in v.get("processes", [])]
        rows.append(
            [
                words,
                f"{statistics.median(mine.values()):,.0f}",
                *(str(ratios.ratio(mine, all_rates[to]) or "-") for to in ("trainer", "trainer_per_core")),
                f"{statistics.median(start_up):.1f} s",
            ]
        )
    heads = ["contender", "tokens/s", "x Seq2SeqTrainer", "x the same, one per core", "start-up"]
    return (
        "## Throughput\n\nThe same network, sentences, batch size and number of optimizer steps for all. *Tokens/s*:"
        " source and target tokens of all processes together, without padding, from the moment when all have finished"
        " their warm-up to the end of the last one; median over the rounds. *x*: the ratio to another contender, taken"
        " within a round: median, with the smallest and the largest. *Start-up*: from the start of a process to the end"
        " of its warm-up, which is not part of the rate. As users run it: with the default probes, validation, and"
        f" the records and offline W&B runs written at the end.\n\n{table(heads, rows)}"
    )


def _mfu(values: Values) -> str:
    good = [v for v in values if "processes" in v["sweep"] and "processes" in v["products"]]
    names = list(throughput.peaks(good[0]["products"])) if good else []
    rows = [_mfu_row(width, values, names) for width in sorted({value["width"] for value in values})]
    heads = ["width, feed-forward", "sweep", *(f"products: {name}" for name in names), "MFU"]
    return (
        "## Share of the peak\n\nBillions of operations per second, all processes together; medians over the rounds, in"
        " which sweep and products take turns. *Sweep*: what the matrix products of the tokens that were trained on"
        " need, forward and backward, by formula; padding and everything that is no product count nothing. *Products*:"
        " matrix products alone, at the sizes of the network and of 1024 x 1024 x 1024 (large), by as many processes at"
        " the same time. *MFU* (model FLOPs utilisation): sweep over large, within a round: median, with the smallest"
        f" and the largest.\n\n{table(heads, rows)}"
    )


def _mfu_row(width: int, values: Values, names: list[str]) -> list[str]:
    mine = [value for value in values if value["width"] == width]
    size = f"{width}, {mine[0]['feed_forward']}"
    good = [value for value in mine if "processes" in value["sweep"] and "processes" in value["products"]]
    if not good:
        why = mine[0]["sweep"].get("failed") or mine[0]["products"]["failed"]
        return [size, *["-"] * (1 + len(names)), failure(why)]
    useful = [ratios.rate(value["sweep"]["processes"], "flops") for value in good]
    peaks = [throughput.peaks(value["products"]) for value in good]
    shares = [utilisation(flops, 1.0, peak["large"]) for flops, peak in zip(useful, peaks, strict=True)]
    sizes = [f"{statistics.median(peak[name] for peak in peaks) / 1e9:,.0f}" for name in names]
    spread = f" ({min(shares):.0%}-{max(shares):.0%})" if len(shares) > 1 else ""
    return [size, f"{statistics.median(useful) / 1e9:,.0f}", *sizes, f"{statistics.median(shares):.0%}{spread}"]


def _members(values: Values) -> str:
    rows = []
    for value in values:
        members = value["members"]
        if "failed" in value:
            rows.append([str(members), failure(value["failed"]), ""])
            continue
        (one,) = value["processes"]
        milliseconds = 1000 * growth.per_member_step(value)
        rows.append([str(members), f"{milliseconds:.1f}", f"{one['peak_memory'] / 1e6:,.0f}"])
    return (
        "## Growth over members\n\nOne process with one thread, alone on the machine. Memory: the most that the process"
        f" has held.\n\n{table(['members', 'ms per member and step', 'peak memory, MB'], rows)}"
    )


def _steps(values: Values) -> str:
    taken = next((list(v["processes"][0]["resident"]) for v in values if "processes" in v), [])
    rows = []
    for value in values:
        if "failed" in value:
            rows.append([value["probes"], *["-"] * len(taken), failure(value["failed"])])
            continue
        held = [bytes_held / 1e6 for bytes_held in value["processes"][0]["resident"].values()]
        rows.append([value["probes"], *(f"{megabytes:,.1f}" for megabytes in held), f"{held[-1] - held[0]:+,.1f}"])
    heads = ["probes", *(f"MB after {steps} steps" for steps in taken), "growth, MB"]
    return (
        "## Growth over steps\n\nA small population of two: the memory that its process holds at that moment, early and"
        f" late in the same training.\n\n{table(heads, rows)}"
    )


def _runs(values: Values) -> str:
    first = values[0].get("seconds")
    rows = []
    for value in values:
        if "failed" in value:
            rows.append([str(value["runs"]), failure(value["failed"]), "", ""])
            continue
        seconds, runs = value["seconds"], value["runs"]
        times = f"{seconds / first / (runs / values[0]['runs']):.2f}" if first else "-"
        rows.append([str(runs), f"{seconds:.1f}", f"{seconds / runs:.2f}", times])
    heads = ["runs", "seconds", "per run", f"x {values[0]['runs']} runs' per run"]
    return (
        "## Growth over runs\n\nA sweep of short runs of a small network, from the command to its last line, start-up"
        f" included.\n\n{table(heads, rows)}"
    )


def _start_up(values: Values) -> str:
    good = [value["processes"][0] for value in values if "processes" in value]
    if not good:
        return f"## Start-up\n\nfailed: {values[0]['failed']}"
    parts = list(good[0]["parts"])
    rows = [[part, f"{statistics.median(one['parts'][part] for one in good):.2f}"] for part in parts]
    python = statistics.median(one["start_up"] - sum(one["parts"].values()) for one in good)
    rows = [["Python", f"{python:.2f}"], *rows, ["all", f"{statistics.median(one['start_up'] for one in good):.2f}"]]
    return (
        "## Start-up\n\nOf a worker with one run, with the corpus in its cache; medians over"
        f" {len(good)} starts.\n\n{table(['part', 'seconds'], rows)}"
    )


def _operations(values: Values) -> str:
    rows = []
    for value in values:
        one = value.get("processes", [{}])[0]
        said = [str(max(one[kind])) for kind in ("bare", "probes")] if one else [value["failed"], ""]
        rows.append([str(value["members"]), *said])
    heads = ["members", "operations per step, bare", "at a step where the default probes measure"]
    return (
        "## Operations per step\n\nOperations that reach torch's dispatcher, views included, from the start of a step"
        f" to the start of the next: about what a GPU has to launch. Largest of three.\n\n{table(heads, rows)}"
    )


def _workers(values: Values) -> str:
    rows = []
    for count in sorted({value["workers"] for value in values} - {1}):
        shares: dict[str, list[float]] = {"seconds": [], "processor": []}
        for value in values:
            alone = next(v for v in values if v["round"] == value["round"] and v["workers"] == 1)
            if value["workers"] == count and "processes" in value and "processes" in alone:
                for seconds, of_rounds in shares.items():
                    of_rounds.append(scale.efficiency(value, alone, seconds))
        said = [str(ratios.spread(of_rounds) or "-") for of_rounds in shares.values()]
        rows.append([str(count), *said])
    heads = ["workers", "efficiency", "by processor time"]
    return (
        "## Several workers\n\nWhat each of several workers keeps of the pace of one that has the machine to itself,"
        " taken within a round: median, with the smallest and the largest. By processor time it is what they lose to"
        " shared caches and memory; by time it is also what they lose to other programs."
        f"\n\n{table(heads, rows)}"
    )


def _collecting(values: Values) -> str:
    rows = [
        [
            f"{value['runs']:,}",
            f"{value['processor']:.1f}",
            f"{1000 * value['processor'] / value['runs']:.1f}",
            f"{value['seconds']:.1f}",
            f"{value['peak_memory'] / 1e6:,.0f}",
        ]
        for value in values
    ]
    heads = ["runs", "processor time, s", "ms per run", "seconds", "peak memory, MB"]
    return (
        "## Collecting\n\nFrom run directories to `results/`: copies of one short run with the default probes, by as"
        f" many processes as there are cores. Memory: of the largest process.\n\n{table(heads, rows)}"
    )


def _probes(values: Values) -> str:
    seconds: dict[str, dict[int, float]] = {}
    for value in values:
        seconds.setdefault(value["probes"], {})[value["round"]] = value["seconds"]
    rows = [
        [probes, f"{statistics.median(taken.values()):.1f}", str(ratios.ratio(taken, seconds["none"]))]
        for probes, taken in seconds.items()
    ]
    return (
        "## What the probes cost\n\nProcessor time of a training of four members of the study `quick`; on a GPU, time"
        f" of the wall.\n\n{table(['probes', 'seconds', 'x none'], rows)}"
    )


SECTIONS: dict[str, Section] = {
    "contenders": _contenders,
    "mfu": _mfu,
    "members": _members,
    "steps": _steps,
    "runs": _runs,
    "start-up": _start_up,
    "operations": _operations,
    "workers": _workers,
    "collecting": _collecting,
    "probes": _probes,
    **DEVICE_SECTIONS,
}
