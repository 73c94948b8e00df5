"""A W&B server on this machine as the one that processes use."""

import pytest

from support.wandb_reader import KEY
from support.wandb_server import WandbServer


def connect(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that start from now on use `server`."""
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
