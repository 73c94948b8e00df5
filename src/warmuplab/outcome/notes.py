"""What the W&B run of a study says in words: how its report begins, and how to do it again."""

import re

_ENDING = "## How to reproduce it"


def describe(report: str) -> str:
    """Markdown, as W&B shows it beside a run, from the text of `report.md`: its first section and its last.

    Figures are left out, as W&B has them beside it, and links within the report become plain words.
    """
    _, _, body = report.partition("\n")  # its title is the run's name
    beginning, *sections = re.split(r"(?m)^(?=## )", body)
    parts = [beginning, *sections[:1], *(section for section in sections[1:] if section.startswith(_ENDING))]
    return "\n\n".join(text for part in parts if (text := _as_notes(part)))


def _as_notes(section: str) -> str:
    paragraphs = section.strip().split("\n\n")
    kept = [
        text
        for place, text in enumerate(paragraphs)
        if not text.startswith("![") and not (place and paragraphs[place - 1].startswith("![") and text[:1] == "*")
    ]
    return re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", "\n\n".join(kept))


def captions(report: str) -> dict[str, str]:
    """What the report writes under each figure, by the name of its file without the suffix."""
    return {name: words for words, name in re.findall(r"!\[([^\]]*)\]\(figures/([\w-]+)\.png\)", report)}
