"""Fixtures that several tests share: a small corpus, a browser, one thread."""

import os
import shutil
import signal

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("WANDB_MODE", None)

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from support.composing import composed
from support.trained_runs import trained
from warmuplab.data import corpora, tokens
from warmuplab.record.run import Run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a CUDA device are skipped where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)  # as workers do; two test processes share the cores


@pytest.fixture(autouse=True)
def a_closed_pipe_stays_an_error() -> Iterator[None]:
    """Scripts that a test runs as a main program let a closed pipe end the process, which here is that of all tests."""
    before = signal.getsignal(signal.SIGPIPE) if hasattr(signal, "SIGPIPE") else None
    yield
    if before is not None:
        signal.signal(signal.SIGPIPE, before)


@pytest.fixture(scope="session")
def small_pairs() -> corpora.Pairs:
    """Invented sentence pairs of many lengths."""
    words = ["red", "boat", "sails", "over", "the", "calm", "sea", "at", "dawn", "and", "never", "returns"]
    pairs = []
    for i in range(400):
        source = [words[(i * 7 + k * (i % 5 + 1)) % len(words)] for k in range(1 + i % 17)]
        pairs.append((" ".join([*source, str(i)]), " ".join([*source[::-1], *source[: i % 4], str(i)])))
    return pairs


@pytest.fixture(scope="session")
def small_folder(small_pairs: corpora.Pairs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pairs as line-aligned files, as `data.path` takes them."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, pairs in (("train", small_pairs[:320]), ("val", small_pairs[320:])):
        for language, side in (("en", 0), ("de", 1)):
            (folder / f"{split}.{language}").write_text("".join(pair[side] + "\n" for pair in pairs), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_corpus(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tokens.TokenizedCorpus:
    """The pairs as token ids."""
    data = composed("data=multi30k", f"data.path={small_folder}", "data.vocabulary_size=300").data
    return tokens.load(data, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def trained_run(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run on the small corpus that kept its weights, not to be written to."""
    return trained(tmp_path_factory.mktemp("trained"), small_folder, "training.steps=30", "schedule.peak_lr=1e-2")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium, headless: what the variable CHROMIUM names, or what is installed; else a skip."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one with the variable CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield launched
        launched.close()
