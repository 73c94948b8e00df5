"""No HTML in the text of a report: the names and values in it come from files that anyone may have written."""

import re

_FENCE = "```"
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")  # a code span, in which nothing is HTML
_TAG = re.compile(r"<(?=[A-Za-z/!?])")  # begins what Markdown would pass on as HTML
_CELL = re.compile(r"(?<!\\)(\|)")  # a code span ends with its cell


def without_html(markdown: str) -> str:
    """`markdown` with every `<` written as text that could begin a tag, outside fenced blocks and code spans."""
    lines, fenced = [], False
    for line in markdown.split("\n"):
        if line.startswith(_FENCE):
            fenced = not fenced
        lines.append(line if fenced else "".join(map(_escaped, _CELL.split(line))))
    return "\n".join(lines)


def _escaped(cell: str) -> str:
    kept, done = [], 0
    for code in _CODE.finditer(cell):
        kept += [_TAG.sub("&lt;", cell[done : code.start()]), code[0]]
        done = code.end()
    return "".join([*kept, _TAG.sub("&lt;", cell[done:])])
