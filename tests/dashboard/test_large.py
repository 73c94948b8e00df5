"""500 runs of 2,000 steps: small enough to send, quick enough to use, and no spike lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import studies
from support.opened import Opened, opened
from warmuplab.dashboard.page import write_dashboard

MOST_BYTES = 15_000_000
AIM = 0.2  # seconds of processor time, on a machine to itself
MOST_SECONDS = 3 * AIM  # a slow or crowded machine is no failure of the page, but redrawing all for nothing is


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dashboard(studies.large(tmp_path_factory.mktemp("large")))


@pytest.fixture
def view(browser: Any, large: Path) -> Iterator[Opened]:
    with opened(browser, large) as view:
        yield view


def test_it_stays_below_15_megabytes(large: Path) -> None:
    assert large.stat().st_size < MOST_BYTES


def test_a_spike_among_500_runs_is_seen(view: Opened) -> None:
    view.page.click("#select-shown")
    view.settle()
    _, step, height = studies.PLANTED
    distance = """([step, height]) => {
        const { xaxis, yaxis } = document.getElementById('loss')._fullLayout;
        const lines = [...document.querySelectorAll('#loss .js-line')].map(line => line.getAttribute('d')).join();
        const points = [...lines.matchAll(/(-?[0-9.]+),(-?[0-9.]+)/g)]
            .map(found => found.slice(1).map(Number));
        return Math.min(...points.map(([x, y]) => Math.hypot(x - xaxis.d2p(step), y - yaxis.d2p(height)))); }"""
    assert view.do(distance, [step, height]) < 2  # pixels
    assert view.do("document.querySelectorAll('#loss .js-line').length") < 50
    assert f"at step {step:,}".replace(",", "") in view.page.locator("#loss-words").inner_text()


REACTIONS = {
    "select one": "document.querySelectorAll('#runs-table tbody tr')[7].click()",
    "select all": "document.querySelector('#select-shown').click()",
    "look at one of all": """document.querySelectorAll('#runs-table tbody tr')[9]
        .dispatchEvent(new MouseEvent('click', {bubbles: true, ctrlKey: true}))""",
    "filter": "choose('[data-facet=norm]', 'pre-LN')",
    "no filter": "choose('[data-facet=norm]', '')",
    "another value": "choose('#overview-metric', 'spike/count')",
    "another curve": "choose('#loss-metric', 'grad/norm')",
    "smooth": "choose('#smoothing', '20')",
    "another colour": "choose('#colour-by', 'rate')",
    "zoom": "Plotly.relayout('loss', {'xaxis.range[0]': 300, 'xaxis.range[1]': 900})",
    "logarithm": "document.querySelector('#log-lr').click()",
}


def test_it_reacts_without_delay(view: Opened) -> None:
    """In processor time of the page's thread, from the click to what is painted: others use this machine as well."""
    session = view.page.context.new_cdp_session(view.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    react = """async action => {
      const choose = (menu, value) => {
        const found = document.querySelector(menu);
        found.value = value;
        found.dispatchEvent(new Event('change'));
      };
      const drawn = () => document.documentElement.dataset.drawn;
      const before = drawn();
      new Function('choose', action)(choose);
      while (drawn() === before) await new Promise(done => setTimeout(done));
      await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    }"""

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    taken = dict.fromkeys(REACTIONS, 10.0)
    for _ in range(4):  # the first time compiles the page's code, and what else runs here only adds
        for name, action in REACTIONS.items():
            before = busy()
            view.do(react, action)
            taken[name] = min(taken[name], round(busy() - before, 3))
            view.settle()
        if max(taken.values()) < AIM:
            break
        view.page.reload()
        view.page.wait_for_selector("html[data-ready]")
    assert max(taken.values()) < MOST_SECONDS, taken
