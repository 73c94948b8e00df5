"""Upload a study's finished offline runs to W&B, each once."""

from pathlib import Path

from warmuplab.base.arguments import Parser


def main() -> int:
    """Read the command line, upload and say what became of the runs; the exit status."""
    parser = Parser(__doc__)
    parser.add_argument("study", help="its name: a folder in outputs/")
    parser.add_argument("--outputs", type=Path, default=Path("outputs"), help="folder of the studies' run directories")
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        from warmuplab.tracking.sync import sync

        done = sync(arguments.study, arguments.outputs)
    off = f", {done.off} trained with tracker=none" if done.off else ""
    print(f"{done.uploaded} uploaded, {done.known} uploaded before, {done.failed} failed{off}")
    return 1 if done.failed else 0
