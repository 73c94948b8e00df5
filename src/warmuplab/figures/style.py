"""How every figure of the project looks, and how it is written to disk."""

import re
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with any colour vision and in print. Yellow is left out: too pale for a line.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, BLACK = "#56B4E9", "#D55E00", "#000000"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
SEQUENTIAL = "viridis"  # colour map of ordered values, colour-blind safe as well

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.framealpha": 0.85,  # over a line, a legend can still be read
    "legend.edgecolor": "none",
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "svg.hashsalt": "warmuplab",  # the same figure gives the same file
}

PATH_COMMANDS = "MLHVCSQTAZz"  # of an SVG, as matplotlib writes them


def apply() -> None:
    """Set matplotlib up for every figure drawn from here on, without a display."""
    matplotlib.use("Agg")
    matplotlib.rcParams.update(SETTINGS)


def save(figure: Figure, path: Path, few_colours: bool = True) -> list[Path]:
    """Write `figure` to `path` with the suffixes .png and .svg, creating the folder; the two paths.

    With `few_colours` the PNG keeps 256 of them.

    The same figure gives the same bytes on the same machine: neither file carries a date.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    png, svg = path.with_name(path.name + ".png"), path.with_name(path.name + ".svg")
    figure.savefig(png, metadata={"Software": None})
    if few_colours:
        keep_256_colours(png)
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    # The layout solver's last bits vary from run to run. They vanish in the coordinates but not in the hashes that name
    # the clipping rectangles: number these instead.
    text = svg.read_text()
    for number, name in enumerate(dict.fromkeys(re.findall(r'<clipPath id="(p[0-9a-f]+)"', text))):
        text = text.replace(name, f"clip{number}")
    svg.write_text(compact(text))
    return [png, svg]


def keep_256_colours(png: Path) -> None:
    """Write a PNG again with 256 colours: a third of the bytes, as it is committed, and lines and text use few."""
    from PIL import Image

    with Image.open(png) as image:
        # The default, median cut, gives a colour of few pixels the colour of a neighbour: vermilion turned orange.
        rgb = image.convert("RGB")
        reduced = rgb.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        resolution = image.info.get("dpi", (100, 100))
    reduced.save(png, optimize=True, dpi=resolution)


def compact(svg: str) -> str:
    """An SVG with 40 % less bytes and the same picture.

    Coordinates are cut to a hundredth of a point, letters and marks get short names, lines no indentation; a path does
    not repeat its commands; what is only shifted says so in its place. Numbers below 1 stay as they are: those that
    scale letters are among them.
    """
    shorter = re.sub(r"\n +", "\n", svg.replace("DejaVuSans-", "g-"))
    for number, name in enumerate(dict.fromkeys(re.findall(r'<path id="(m[0-9a-f]{10})"', shorter))):
        shorter = shorter.replace(name, f"m{number}")
    shorter = re.sub(r"(?<![\w.])(-?0*[1-9]\d*\.\d\d)\d+", r"\1", shorter)
    shorter = re.sub(r'(<use xlink:href="#[^"]+") transform="translate\((-?[\d.]+) 0\)"/>', r'\1 x="\2"/>', shorter)
    shorter = re.sub(r' style="[^"]*"', lambda found: re.sub(r"([:;]) ", r"\1", found[0]), shorter)
    return re.sub(r' d="([^"]*)"', lambda found: f' d="{_path(found[1])}"', shorter)


def _path(commands: str) -> str:
    """The same path: a command is left out after one of its kind, and a line after the point that it begins at."""
    shorter, last = "", ""
    for command, numbers in re.findall(rf"([{PATH_COMMANDS}])([^{PATH_COMMANDS}]*)", commands):
        there = " ".join(re.sub(r"(\.\d*?)0+$", r"\1", each).removesuffix(".") for each in numbers.split())
        # Numbers after the point that a line begins at are those of a line, so two such points keep their commands.
        repeats = there and ((command == last and command != "M") or (last, command) == ("M", "L"))
        shorter += f" {there}" if repeats else f"{command}{there}"
        last = command
    return shorter
