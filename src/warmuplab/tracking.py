"""W&B, fed from the record."""

from pathlib import Path


def publish(directory: Path) -> None:
    """Publish a finished record."""
