"""Check one GPU in at most nine minutes: its tests, what training costs on it, and a small study.

Needs torch and what training imports, but none of wandb, datasets and plotly, no network and no .venv.
"""

from pathlib import Path

from warmuplab.base.arguments import Parser

DRY_FOLDER = Path("outputs/gpu_check")


def main() -> int:
    """Read the command line and run the check; the exit status."""
    parser = Parser(__doc__)
    parser.add_argument(
        "--data", metavar="FOLDER", help="line-aligned files of Multi30k (default: the embedded corpus)"
    )
    parser.add_argument("--dry", action="store_true", help=f"on the CPU, at toy size, into {DRY_FOLDER}/")
    parser.add_argument("--results", type=Path, help="folder of the results (results)")
    parser.add_argument("--outputs", type=Path, help="folder of the runs (outputs)")
    arguments = parser.parse_args()
    from warmuplab.base.arguments import usable_folder
    from warmuplab.base.errors import ConfigError
    from warmuplab.base.files import check_folder, say
    from warmuplab.bench.gpu import check
    from warmuplab.config.messages import one_line_errors
    from warmuplab.population.population import pick_device

    base = DRY_FOLDER if arguments.dry else Path()
    results, outputs = (getattr(arguments, name) or base / name for name in ("results", "outputs"))
    with one_line_errors("the parts that were finished are written"), usable_folder("--results", results):
        if not arguments.dry:
            pick_device("cuda")
        if arguments.data and not Path(arguments.data).is_dir():
            raise ConfigError("--data", arguments.data, "no such folder", "name the folder of train.en and train.de")
        check_folder(results)
        return 0 if check.run(check.Check(arguments.data, arguments.dry, results, outputs, say)) else 1
