"""A page as a user has it open, and short words for what one does there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZE = {"width": 1440, "height": 900}


class Opened:
    """An open page that remembers every error and every request."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        self.settle()

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def do(self, script: str, *arguments: Any) -> Any:
        """Evaluate `script` in the page."""
        return self.page.evaluate(script, *arguments)

    def settle(self) -> None:
        """Wait until charts out of sight are drawn as well."""
        self.page.wait_for_timeout(350)

    def rows(self) -> list[str]:
        """Names of the runs in the table, in its order."""
        return list(self.do("[...document.querySelectorAll('#runs-table tbody tr[data-run]')].map(row => row.title)"))

    def selected(self) -> list[str]:
        """Names of the runs marked as selected in the table."""
        chosen = "#runs-table tbody tr[aria-selected=true]"
        return list(self.do(f"[...document.querySelectorAll('{chosen}')].map(row => row.title)"))

    def click_row(self, place: int, *modifiers: Any) -> str:
        """Click the row at `place` of the table; the name of its run."""
        row = self.page.locator("#runs-table tbody tr[data-run]").nth(place)
        row.click(modifiers=list(modifiers))
        self.settle()
        return str(row.get_attribute("title"))

    def drawn(self, chart: str) -> set[str]:
        """The runs that hovering over a chart names."""
        script = """chart => [...new Set(document.getElementById(chart).data
            .flatMap(trace => trace.customdata || []).filter(Boolean)
            .map(text => text.split('<br>')[0].replace(/<[/]?b>/g, '')))]"""
        return set(self.do(script, chart))

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until an element says exactly `text`."""
        self.page.locator(selector, has_text=re.compile(f"^{re.escape(text)}$")).wait_for()

    def framed(self) -> int:
        """Cells of the map that are framed as selected."""
        return int(self.do("document.getElementById('overview').layout.shapes.length"))


@contextmanager
def opened(browser: Any, path: Path, **settings: Any) -> Iterator[Opened]:
    """`path` in a new window that has no network; it must end without an error."""
    context = browser.new_context(**{"viewport": SIZE, "offline": True} | settings)
    try:
        view = Opened(context.new_page(), path)
        yield view
        assert view.errors == []
    finally:
        context.close()
