"""Studies of which nothing is judged or collected anew: what they showed is what their files say."""

from pathlib import Path

FROZEN = "frozen.txt"


def frozen(folder: Path) -> str | None:
    """Why the study in `results/<study>` is frozen, in a sentence without its dot; None where it is not."""
    path = folder / FROZEN
    return " ".join(path.read_text(encoding="utf-8").split()).removesuffix(".") if path.is_file() else None
