"""Simulated losses whose spikes are known, and how well a detector finds them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from warmuplab.series.spikes import Spike, find_spikes

Floats = NDArray[np.float64]
Generator = np.random.Generator

SMOOTH = ("exponential", "power law", "two phases", "linear", "constant", "rate drop", "plateau", "sigmoid", "cosine")


def log_uniform(rng: Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def falling_loss(rng: Generator, steps: int, kind: str) -> Floats:
    """A loss without noise: it never rises."""
    t = np.arange(steps)
    floor, fall = rng.uniform(0.8, 4), rng.uniform(0.5, 6)
    corner = rng.integers(15, steps - 10)
    shapes = {
        "exponential": lambda: np.exp(-t / log_uniform(rng, 8, steps)),
        "power law": lambda: (1 + t / rng.uniform(1, 30)) ** -rng.uniform(0.2, 1.5),
        "two phases": lambda: 0.7 * np.exp(-t / rng.uniform(6, 20)) + 0.3 * np.exp(-t / rng.uniform(30, 40 + steps)),
        "linear": lambda: 1 - t / steps,
        "constant": lambda: 0 * t,
        "rate drop": lambda: np.exp(-t / 40) + np.where(t > corner, np.exp(-np.maximum(t - corner, 0) / 15) - 1, 0) / 3,
        "plateau": lambda: np.where(t < corner, 1, np.exp(-np.maximum(t - corner, 0) / rng.uniform(3, 100))),
        "sigmoid": lambda: 1 / (1 + np.exp(np.clip((t - corner) / log_uniform(rng, 1, steps / 10), -50, 50))),
        "cosine": lambda: (1 + np.cos(np.pi * t / steps)) / 2,
    }
    return floor + fall * shapes[kind]()


def spike_shape(rng: Generator, steps: int, start: int) -> Floats:
    """A jump of height 1 in 1 to 3 steps that decays in 2 to 12, straight or by halves."""
    rise, decay = int(rng.choice([1, 1, 2, 3])), rng.uniform(2, 12)
    up = np.clip((np.arange(steps) - start + 1) / rise, 0, 1)
    after = np.maximum(np.arange(steps) - start - rise + 1, 0)
    return up * (np.clip(1 - after / (decay + 1), 0, 1) if rng.random() < 0.5 else np.exp(-after * 2.3 / decay))


Find = Callable[[Floats], Sequence[Spike]]


@dataclass
class Scores:
    spikes: int = 0
    found: int = 0
    height_right: int = 0
    extra: int = 0
    series: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.spikes

    def add(self, loss: Floats, truth: dict[int, float], find: Find = find_spikes) -> None:
        """Count each true spike (start: height) that has a start within 2 steps, and what was reported besides."""
        left = list(find(loss))
        reported = len(left)
        self.series += 1
        self.spikes += len(truth)
        matched = 0
        for start, height in truth.items():
            match = next((spike for spike in left if abs(spike.start - start) <= 2), None)
            if match is not None:
                left.remove(match)
                matched += 1
                self.height_right += abs(match.height - height) <= 0.5 * height
        self.found += matched
        self.extra += reported - matched


NOISE, HEIGHTS = (1e-3, 0.3), (12.0, 1000.0)


def spiky_scores(
    seed: int,
    series: int,
    kinds: tuple[str, ...],
    noise: tuple[float, float],
    heights: tuple[float, float],
    first: int,
    find: Find = find_spikes,
) -> Scores:
    """Scores on losses of 150 to 1,500 steps with 1 to 4 spikes, the first before step `first` if that is set."""
    rng = np.random.default_rng(seed)
    scores = Scores()
    for _ in range(series):
        steps = int(log_uniform(rng, 150, 1500))
        sigma = log_uniform(rng, *noise)
        loss = falling_loss(rng, steps, str(rng.choice(kinds))) + rng.normal(0, sigma, steps)
        start = int(rng.integers(15, first or steps - 1))
        truth = {start: log_uniform(rng, *heights) * sigma}
        for _ in range(rng.integers(0, 4)):
            start += int(rng.integers(15, steps // 3))
            if start < steps - 1:
                truth[start] = log_uniform(rng, *heights) * sigma
        for spike_start, height in truth.items():
            loss = loss + height * spike_shape(rng, steps, spike_start)
        scores.add(loss, truth, find)
    return scores


def wild_scores(seed: int, series: int, find: Find = find_spikes) -> Scores:
    """Scores on losses that are wild from the start: a jump of 3 to 15 nats every few of the first 40 steps."""
    rng = np.random.default_rng(seed)
    scores = Scores()
    for _ in range(series):
        loss = falling_loss(rng, 200, str(rng.choice(("exponential", "power law"))))
        loss += rng.normal(0, log_uniform(rng, 0.02, 0.3), 200)
        truth: dict[int, float] = {}
        start = int(rng.integers(1, 8))
        while start < 40:
            truth[start] = log_uniform(rng, 3, 15)
            loss += truth[start] * spike_shape(rng, 200, start)
            start += int(rng.integers(5, 12))
        scores.add(loss, truth, find)
    return scores


def grouped_loss(rng: Generator, steps: int, spiky: bool) -> tuple[Floats, NDArray[np.int64], dict[int, float]]:
    """A loss whose batches come from 24 groups that get unequally hard, the group of each step, and its spikes."""
    group = rng.integers(0, 24, steps)
    harder = rng.normal(0, 0.7, 24)[group] * np.clip(np.arange(steps) / rng.uniform(5, 60), 0, 1)
    loss = falling_loss(rng, steps, str(rng.choice(("exponential", "power law")))) + harder
    loss += rng.normal(0, log_uniform(rng, 0.03, 0.2), steps)
    truth: dict[int, float] = {}
    start = int(rng.integers(2, 30))
    while spiky and start < steps - 5 and len(truth) < 5:
        truth[start] = log_uniform(rng, 1, 8)
        loss += truth[start] * spike_shape(rng, steps, start)
        start += int(rng.integers(15, 60))
    return loss, group, truth


def quiet_alarms(seed: int, series: int, steps: int, draw: str, find: Find = find_spikes) -> float:
    """False alarms per series without a spike."""
    rng = np.random.default_rng(seed)
    noises = {
        "gauss": lambda: rng.normal(size=steps),
        "buckets": lambda: 0.5 * rng.normal(size=steps) + rng.choice(rng.normal(size=6), size=steps),
        "laplace": lambda: rng.laplace(size=steps) / 2**0.5,
        "student": lambda: rng.standard_t(4, size=steps) / 2**0.5,
        "growing": lambda: rng.normal(size=steps) * np.exp(np.linspace(0, 2, steps)),
    }
    alarms = 0
    for _ in range(series):
        trend = falling_loss(rng, steps, str(rng.choice(SMOOTH)))
        alarms += len(find(trend + log_uniform(rng, *NOISE) * noises[draw]()))
    return alarms / series
