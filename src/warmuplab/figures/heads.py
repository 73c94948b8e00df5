"""Titles with legends, and small print, in figures of any width."""

from collections.abc import Sequence

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from warmuplab.figures import style

MARGINS = 0.3  # inches, of both sides
TITLE, ENTRIES, SMALL_PRINT = 10.5, 8.0, 7.0  # points: letters of a title, of a legend and of the foot
BESIDE_ENTRY = 0.55  # inches: a line and the space around it


def add_head(figure: Figure, title: str, handles: Sequence[Artist] = (), columns: int = 4) -> None:
    """Title at the left, in as many lines as it needs, and under it the legend."""
    rows = -(-len(handles) // columns)
    title = wrapped(title, figure.get_figwidth() - MARGINS, TITLE, "bold")
    figure.suptitle(title + "\n" * rows, x=0.01, ha="left", fontweight="bold", fontsize=TITLE)
    if handles:
        below_title = 1 - (0.25 + 0.17 * title.count("\n")) / figure.get_figheight()
        legend = figure.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(0.0, below_title),
            ncols=columns,
            frameon=False,
            fontsize=ENTRIES,
            columnspacing=1.6,
            borderpad=0.2,
            labelspacing=0.3,
        )
        legend.set_in_layout(False)  # the empty lines of the title keep its place


def add_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """The legend at the right of the title, in two rows at most; where that has no room, under it."""
    title = figure.get_suptitle()
    widest = max(width_of(str(handle.get_label()), ENTRIES) for handle in handles) + BESIDE_ENTRY
    size = FontProperties(size=matplotlib.rcParams["figure.titlesize"]).get_size_in_points()
    whole = figure.get_figwidth() - MARGINS
    beside = min(len(handles), int((whole - width_of(title, size, "bold")) / widest))
    if 2 * beside >= len(handles):
        figure.legend(handles=list(handles), loc="outside upper right", ncols=beside, fontsize=ENTRIES)
    else:
        add_head(figure, title, handles, max(1, int(whole / widest)))


def add_foot(figure: Figure, text: str) -> None:
    """Small print below the figure, in lines that it has room for."""
    lines = [wrapped(part, figure.get_figwidth() - MARGINS) for part in text.split("\n")]
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=SMALL_PRINT, color="dimgrey")


def wrapped(text: str, inches: float, size: float = SMALL_PRINT, weight: str = "normal") -> str:
    """`text` in lines of at most so many inches, in letters of `size` points."""
    space = width_of("a a", size, weight) - 2 * width_of("a", size, weight)
    lines, left = [""], inches
    for word in text.split():
        wide = width_of(word, size, weight)
        if wide > left and lines[-1]:
            lines.append("")
            left = inches
        lines[-1] += f" {word}" if lines[-1] else word
        left -= wide + space
    return "\n".join(lines)


def width_of(letters: str, size: float, weight: str = "normal") -> float:
    """Inches that they take in a line, in letters of `size` points."""
    font = FontProperties(family=style.SETTINGS["font.family"], size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(letters, font, ismath=False)[0]) / 72
