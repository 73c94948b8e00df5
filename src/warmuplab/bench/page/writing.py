"""Report and figure of a machine's folder, from the file in it."""

from pathlib import Path

from warmuplab.bench import parts
from warmuplab.bench.page import figure, report


def write(folder: Path) -> list[Path]:
    """Write what the file in `folder` gives; the paths."""
    content = parts.read(folder)
    return [report.write(folder, content), *figure.write(folder, content)]
