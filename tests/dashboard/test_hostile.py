"""Nothing that a corpus, a configuration or a claim contains becomes markup or runs."""

from pathlib import Path
from typing import Any

import pytest

from support import studies
from support.opened import opened
from warmuplab.dashboard import page
from warmuplab.dashboard.page import escaped_json, write_dashboard


def test_markup_in_every_text_stays_text(browser: Any, tmp_path: Path) -> None:
    path = write_dashboard(studies.hostile(tmp_path))
    with opened(browser, path) as view:
        view.page.click("#select-shown")
        for menu in ("#overview-metric", "#loss-metric", "#third-metric", "#layers-metric", "#colour-by"):
            for option in view.do(f"[...document.querySelector('{menu}').options].map(option => option.value)"):
                view.page.select_option(menu, option)
        view.settle()
        for place in range(3):
            view.click_row(place)
        for chart in ("overview", "loss", "layers-map", "layers-depth"):
            view.page.locator(f"#{chart}").scroll_into_view_if_needed()
            view.page.locator(f"#{chart} .nsewdrag").first.hover()
        assert view.do("window.hacked") is None
        assert view.do("document.querySelectorAll('img, iframe, object, embed').length") == 0
        assert view.do("document.querySelectorAll('script').length") == 4
        assert view.page.locator("#study-name").inner_text().startswith(studies.HOSTILE[:40])
        assert studies.HOSTILE[:40] in view.page.locator("#claims").inner_text()
        assert studies.HOSTILE[:40] in view.page.locator("#detail").inner_text()
        assert view.page.title().startswith(studies.HOSTILE[:40])


def test_a_script_that_got_in_would_not_run(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of defence: with escaping taken away the content security policy still holds."""
    monkeypatch.setattr(page.html, "escape", lambda text: text)
    study = studies.small(tmp_path)
    named = studies.Study(
        "</title><script>window.hacked=1</script>", study.folder, study.runs, study.curves, study.manifest
    )
    path = write_dashboard(named)
    assert "<script>window.hacked=1</script>" in path.read_text()
    context = browser.new_context(offline=True)
    errors: list[str] = []
    window = context.new_page()
    window.on("console", lambda message: errors.append(message.text))
    window.goto(path.as_uri())
    window.wait_for_selector("html[data-ready]")
    assert window.evaluate("window.hacked") is None
    assert any("Content Security Policy" in error for error in errors)
    context.close()


def test_json_in_a_page_has_no_character_that_ends_its_element() -> None:
    text = escaped_json({"a": "</script><!-- <script>&\u2028\u2029", "b": [1, None, True]})
    assert not set("<>&\u2028\u2029") & set(text)
    import json

    assert json.loads(text) == {"a": "</script><!-- <script>&\u2028\u2029", "b": [1, None, True]}
