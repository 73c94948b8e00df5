"""No value of a record becomes HTML in a report."""

import pytest

from warmuplab.report.escaping import without_html


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("a <script>b</script>", "a &lt;script>b&lt;/script>"),
        ("<!-- hidden -->", "&lt;!-- hidden -->"),
        ("p < 0.05 and x <= 3", "p < 0.05 and x <= 3"),
        ("see `outputs/<run_id>/` and <b>", "see `outputs/<run_id>/` and &lt;b>"),
        ("``a ` <b>`` <i>", "``a ` <b>`` &lt;i>"),
        ("`<img>", "`&lt;img>"),  # no code span without its end
        ("`<img>\n\nand `code`", "`&lt;img>\n\nand `code`"),
        ("| `<img> | `x` |", "| `&lt;img> | `x` |"),
        (r"| `a\|<b>` | <i> |", r"| `a\|<b>` | &lt;i> |"),
        ("```\nmake <b>\n```\n<i>", "```\nmake <b>\n```\n&lt;i>"),
        ("```<b>`` <i>", "```<b>`` <i>"),  # opens a fenced block
    ],
)
def test_a_tag_is_text(given: str, written: str) -> None:
    assert without_html(given) == written
