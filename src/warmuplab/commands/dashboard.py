"""Write a study's page, results/STUDY/dashboard.html, to open in a browser."""

from pathlib import Path

from warmuplab.base.arguments import Parser, usable_folder


def main() -> int:
    """Read the command line, write the page and print where it is."""
    parser = Parser(__doc__)
    parser.add_argument(
        "study",
        help="a folder in results/, as written by `make report STUDY=...` or `warmuplab report STUDY`",
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the collected studies")
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        from warmuplab.claims.registries import check_is_study
        from warmuplab.dashboard.page import write_dashboard
        from warmuplab.study import results

        check_is_study(arguments.study)
        study = results.load(arguments.study, arguments.results)
        with usable_folder("--results", arguments.results):
            path = write_dashboard(study)
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB): open it in a browser")
    return 0
