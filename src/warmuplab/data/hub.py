"""Translation sets of the Hugging Face Hub, at a commit: the text of a branch can change under a study."""

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import DataConfig

TIMEOUT_SECONDS = 5.0
COMMIT = re.compile("[0-9a-f]{40}")

Columns = dict[str, Iterable[tuple[str, str]]]


def read(dataset: str, pinned: str, data: DataConfig) -> tuple[Columns, str | None]:
    """Sentence pairs by split, `test` only where there is one, and the commit they are from, None if not known.

    The revision is `data.revision`, or else the commit `pinned`. Offline it is read from the local cache. Raises
    `ConfigError` where it cannot be had.
    """
    revision = data.revision or pinned
    splits = _load(dataset, revision, data)
    commit = _commit_of(next(iter(splits.values())))
    if commit not in (None, revision) and COMMIT.fullmatch(revision):  # offline, the library takes what is cached
        raise ConfigError(
            "data.revision",
            data.revision,
            f"the local cache holds {dataset} at {commit}, not at {revision}",
            f"connect to the Hugging Face Hub, or use data.revision={commit}",
        )
    lacking = [name for name in ("train", "validation") if name not in splits]
    if lacking:
        problem = f"{dataset} has no {' and no '.join(lacking)} split there"
        raise ConfigError("data.revision", data.revision, problem, "use data.revision=null")
    for side, language in (("source", data.source_language), ("target", data.target_language)):
        there = splits["train"].column_names
        if language not in there:
            problem = f"{dataset} has {', '.join(there)}"
            raise ConfigError(f"data.{side}_language", language, problem, "use a language it has")
    return {
        name: zip(splits[name][data.source_language], splits[name][data.target_language], strict=True)
        for name in ("train", "validation", "test")
        if name in splits
    }, commit


def _load(dataset: str, revision: str, data: DataConfig) -> Any:
    if not _answers():
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the library is imported
    import datasets

    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(dataset, revision=revision)
    except datasets.exceptions.DatasetNotFoundError as error:
        if "Revision" not in str(error):
            raise _not_available(dataset, data, error) from None
        problem = f"{dataset} has no revision {revision} on the Hugging Face Hub"
        remedy = "use data.revision=main, or a commit of it"
        raise ConfigError("data.revision", data.revision, problem, remedy) from None
    except Exception as error:  # the library raises a dozen unrelated types for "not available"
        raise _not_available(dataset, data, error) from None


def _not_available(dataset: str, data: DataConfig, error: Exception) -> ConfigError:
    return ConfigError(
        "data",
        data.name,
        f"{dataset} is neither in the local cache nor can the Hugging Face Hub be reached ({type(error).__name__})",
        "use data=jupyterlab, or data.path=FOLDER with local files",
    )


def _commit_of(split: Any) -> str | None:
    """The commit that a `datasets.Dataset` was made from: the library caches it in a folder of that name."""
    folders = [Path(file["filename"]).parent.name for file in split.cache_files]
    return next((folder for folder in folders if COMMIT.fullmatch(folder)), None)


def _answers() -> bool:
    """Whether the Hub can be reached: asked once, since the library would retry for 23 s before it gives up."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "on", "yes"}:
        return False
    request = urllib.request.Request(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError:
        return True  # it answered, if only to refuse this request
    except (OSError, ValueError):
        return False
    return True
