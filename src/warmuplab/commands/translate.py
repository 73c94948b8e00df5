"""Translate sentences with the network of a finished run, one translation a line.

RUN is the directory of a run that kept its weights (keep_weights=true; a single run does so by itself), or its run_id,
which is looked for in every study under outputs/. Without TEXT, every line of standard input is a sentence.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from warmuplab.base.arguments import Parser
from warmuplab.base.errors import ConfigError


def main() -> int:
    """Read the command line and print the translations."""
    parser = Parser(__doc__)
    parser.add_argument("run", help="directory of a run, or its run_id")
    parser.add_argument("text", nargs="*", help="sentences, each in quotes; none: the lines of standard input")
    add_search(parser)
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors(when_interrupted="nothing is left behind"):
        translate(arguments.run, arguments.text, arguments.outputs, arguments.beam, arguments.max_length)
    return 0


def add_search(parser: Parser) -> None:
    """The options of every command that translates."""
    parser.add_argument("--beam", type=int, default=1, help="hypotheses of the beam search; 1, the default: greedy")
    parser.add_argument(
        "--max-length", type=int, help="most tokens of a translation; by default the run's data.max_length"
    )
    parser.add_argument("--outputs", type=Path, default=Path("outputs"), help="folder in which a run_id is looked for")


def translate(run: str, text: Sequence[str], outputs: Path, beam: int, max_length: int | None) -> None:
    """Print the translation of every sentence of `text`, or of standard input. Raises `ConfigError` for wrong input."""
    from warmuplab.record.directory import find_directory

    directory = find_directory(run, outputs)
    sentences = list(text) or _standard_input()
    from warmuplab.decoding import trained, translation

    translation.check_search(beam, max_length)
    network = trained.load(directory)
    sources = translation.check_sentences(network, sentences)
    for translated in translation.translate(network, sources, beam, max_length):
        print(translated)


def _standard_input() -> list[str]:
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigError("TEXT", "", "no sentence to translate", "type sentences in quotes, or pipe lines into it")
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise ConfigError("TEXT", "standard input", f"line {line} is not text in UTF-8", "save it as UTF-8") from None
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")] if text else []
