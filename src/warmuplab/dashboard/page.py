"""The page of a study as one HTML file with everything in it: `results/<study>/dashboard.html`.

Text of a study reaches the page in two ways only: as JSON in a data block, with every `<` escaped, from which the
scripts make text nodes; and as the title, escaped. Beyond that a content security policy lets nothing run but the
scripts written here, by their hashes, and lets nothing be loaded from anywhere.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from warmuplab.base.files import write_text
from warmuplab.dashboard import payload
from warmuplab.study.results import Study

DASHBOARD = "dashboard.html"

# In this order they become one script; each is a few functions that share one scope.
SCRIPTS = (
    "format.js",
    "data.js",
    "store.js",
    "theme.js",
    "thin.js",
    "words.js",
    "plots.js",
    "legend.js",
    "cells.js",
    "picking.js",
    "overview.js",
    "curves.js",
    "zoom.js",
    "layers.js",
    "filters.js",
    "table.js",
    "detail.js",
    "claims.js",
    "main.js",
)


def write_dashboard(study: Study) -> Path:
    """Write the page of `study` beside its results; the path."""
    path = study.folder / DASHBOARD
    write_text(path, compose(*payload.assemble(study)))
    return path


def compose(data: Mapping[str, Any], blob: str) -> str:
    """The page that shows `data`, with its series read from `blob`; see `payload.assemble`."""
    script = "(() => {\n'use strict';\n" + "\n".join(map(_static, SCRIPTS)) + "\n})();"
    plotly = _plotly()
    parts = {
        "title": html.escape(f"{data['study']} · warmuplab"),
        "policy": _policy(plotly, script),
        "style": _static("style.css"),
        "plotly": plotly,
        "data": escaped_json(data),
        "series": blob,
        "script": script,
    }
    # One pass: what is put in is not looked at again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _static("page.html"))


def escaped_json(data: Any) -> str:
    """JSON that can stand inside a `script` element whatever its strings contain."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _policy(*scripts: str) -> str:
    """Nothing runs but these scripts, and nothing is loaded; plotly sets styles and makes images of its own."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'"
    )


def _static(name: str) -> str:
    return (resources.files("warmuplab.dashboard") / "static" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    """The library, from the installed package; it contains no closing `script` tag."""
    source = resources.files("plotly") / "package_data" / "plotly.min.js"
    return source.read_text(encoding="utf-8").replace("</script", "<\\/script")
