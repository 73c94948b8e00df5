"""Loss and BLEU of a finished run on the held-out text of its corpus.

RUN is the directory of a run that kept its weights (keep_weights=true; a single run does so by itself), or its run_id,
which is looked for in every study under outputs/. The corpus is found as the run found it.
"""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmuplab.base.arguments import Parser
from warmuplab.base.words import number
from warmuplab.commands.translate import add_search

if TYPE_CHECKING:
    from warmuplab.decoding.evaluation import Evaluation


def main() -> int:
    """Read the command line and print what the run reaches."""
    parser = Parser(__doc__)
    parser.add_argument("run", help="directory of a run, or its run_id")
    parser.add_argument("--split", default="validation", help="validation, the default, or test")
    parser.add_argument("--data-path", help="folder of the corpus, where it is not where the run had it")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    add_search(parser)
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors(when_interrupted="nothing is left behind"):
        found = evaluate(
            arguments.run, arguments.outputs, arguments.split, arguments.data_path, arguments.beam, arguments.max_length
        )
        print(json.dumps(found, indent=1, ensure_ascii=False) if arguments.json else in_words(found))
    return 0


def evaluate(
    run: str, outputs: Path, split: str, data_path: str | None, beam: int, max_length: int | None
) -> dict[str, Any]:
    """What the run reaches, by name, with how it was measured. Raises `ConfigError` for wrong input."""
    from warmuplab.record.directory import find_directory

    directory = find_directory(run, outputs)
    from warmuplab.decoding import evaluation, trained, translation

    translation.check_search(beam, max_length)
    evaluation.check_split(split)
    network = trained.load(directory)
    text = evaluation.held_out(network, split, data_path)
    found = evaluation.evaluate(network, text, beam, max_length)
    recorded = (network.summary.get("values") or {}).get(_RECORDED[split])
    return _numbers(found, recorded) | {
        "run": str(directory),
        "split": split,
        "beam": beam,
        "max_length": max_length or network.longest,
    }


_RECORDED = {"validation": "val/loss", "test": "test/loss"}


def _numbers(found: "Evaluation", recorded: float | None) -> dict[str, Any]:
    return {
        "loss": found.loss if math.isfinite(found.loss) else None,
        "recorded_loss": recorded,
        "perplexity": found.perplexity,
        "bleu": found.bleu,
        "bleu_signature": found.signature,
        "sentences": found.sentences,
        "left_out": found.left_out,
    }


def in_words(found: dict[str, Any]) -> str:
    """What was found, in three lines."""
    recorded = "" if found["recorded_loss"] is None else f" ({found['recorded_loss']:.5f} in its record)"
    left_out = f", {found['left_out']} longer ones left out" if found["left_out"] else ""
    search = "greedy search" if found["beam"] == 1 else f"beam of {found['beam']}"
    return "\n".join(
        [
            f"{found['run']}: {found['split']} split, {found['sentences']} sentences{left_out}",
            f"loss {number(found['loss'], 5)} nats per token{recorded}, perplexity {number(found['perplexity'], 2)}",
            f"BLEU {found['bleu']:.2f} by {search} ({found['bleu_signature']})",
        ]
    )
