"""The page in a real browser: it opens from a file, everything is linked, and nothing disappears."""

from pathlib import Path
from typing import Any

import pytest

from support import studies
from support.opened import opened
from support.synthetic_study import leave
from warmuplab.dashboard.page import write_dashboard
from warmuplab.study import collect, results

CHARTS = ("loss", "lr", "third")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dashboard(studies.small(tmp_path_factory.mktemp("small")))


@pytest.fixture(scope="module")
def spiking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dashboard(studies.spiking(tmp_path_factory.mktemp("spiking")))


def test_it_opens_from_a_file_without_a_network(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        assert [url for url in view.requests if not url.startswith(("file:", "data:", "blob:"))] == []
        assert view.page.title() == "tiny · warmuplab"
        visible = [plot for plot in view.page.locator(".js-plotly-plot").all() if plot.is_visible()]
        assert len(visible) >= 3
        assert view.do("[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('svg'))")
        assert view.page.locator("#tally button").all_inner_texts() == [
            "11 trained",
            "3 stuck",
            "1 diverged",
            "1 failed",
        ]
        assert view.page.locator("#claims .verdict").all_inner_texts() == ["supported", "not tested"]
        assert "-0.210 nats" in view.page.locator("#claims tbody tr").first.inner_text()


def test_the_page_reads_a_zero_as_zero_however_wide_the_series(browser: Any, tmp_path: Path) -> None:
    study = studies.small(tmp_path)
    rates = study.curves["metric"] == "lr"
    study.curves.loc[rates, "value"] = study.curves.loc[rates, "step"] ** 2 * 1e-4
    with opened(browser, write_dashboard(study)) as view:
        view.click_row(2)
        drawn = view.do("document.getElementById('lr').data.find(trace => trace.mode === 'lines').y")
        read = [value for value in drawn if value is not None]
        assert read[0] == 0
        assert read == pytest.approx([step**2 * 1e-4 for step in range(20)], rel=1e-3)


def test_what_is_selected_in_the_table_is_selected_everywhere(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        before = {chart: view.drawn(chart) for chart in CHARTS}
        first = view.click_row(2)
        assert view.selected() == [first]
        assert view.framed() == 1
        name = view.page.locator("#detail-title").inner_text()
        for chart in (*CHARTS, "layers-depth"):
            assert view.drawn(chart) == {name}, chart
            assert view.drawn(chart) != before.get(chart)
        assert view.page.locator("#detail .run-id").inner_text() == first
        assert name in view.page.locator("#layers-run").inner_text()
        second = view.click_row(5, "Control")
        assert sorted(view.selected()) == sorted([first, second])
        assert len(view.drawn("loss")) == 2
        assert view.page.locator("#detail .run-id").inner_text() == second
        view.click_row(8, "Shift")
        assert len(view.selected()) == 4
        view.page.click("#select-shown")  # the run in the details stays
        view.settle()
        assert len(view.drawn("loss")) == 15  # the failed one has no curve
        view.page.keyboard.press("Escape")
        view.settle()
        assert view.selected() == []
        assert view.drawn("loss") == set()
        assert "No run is selected" in view.page.locator("#loss-words").inner_text()


def test_what_is_selected_in_the_map_is_selected_everywhere(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        cells = view.page.locator("#overview .heatmaplayer image, #overview .hm image")
        box = cells.first.bounding_box()
        corner = {"x": box["x"] + box["width"] / 4, "y": box["y"] + 3 * box["height"] / 4}  # no warmup, low rate
        view.page.mouse.click(corner["x"], corner["y"])
        view.settle()
        chosen = view.selected()
        assert len(chosen) == 2  # two seeds
        assert all(name.startswith("post_ln-linear-w0-lr0.001-") for name in chosen)
        assert len(view.drawn("loss")) == 2
        view.page.locator("label:has(input[value=rate])").click()
        view.page.mouse.click(corner["x"], corner["y"])
        view.settle()
        assert len(view.selected()) == 4


def test_filters_leave_the_runs_that_pass_in_every_view(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        view.page.click("#select-shown")
        view.page.select_option("[data-facet=norm]", "pre-LN")
        view.settle()
        assert len(view.rows()) == 8
        assert all(name.startswith("pre_ln") for name in view.rows())
        assert all("pre-LN" in name for name in view.drawn("loss"))
        view.page.select_option("[data-facet=outcome]", "failed")
        assert len(view.rows()) == 1
        view.page.click("#clear-filters")
        assert len(view.rows()) == 16
        view.page.fill("#search", "post seed=1")
        assert len(view.rows()) == 4
        view.page.fill("#search", "nothing like that")
        assert view.rows() == []
        assert "No run passes" in view.page.locator("#runs-table").inner_text()


def test_columns_sort_up_down_and_back(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        order = view.rows()
        read = "[...document.querySelectorAll('#runs-table tbody tr')].map(row => row.cells[6].innerText)"
        view.page.click("[data-sort='loss']")
        rising = view.do(read)
        assert rising[-1] == "–"  # the failed run has none, and comes last either way
        assert [float(text) for text in rising[:-1]] == sorted(float(text) for text in rising[:-1])
        view.page.click("[data-sort='loss']")
        assert view.do(read)[-1] == "–"
        assert float(view.do(read)[0]) == float(rising[-2])
        view.page.click("[data-sort='loss']")
        assert view.rows() == order


def test_a_planted_spike_is_visible_at_every_zoom(browser: Any, spiking: Path) -> None:
    measure = """() => {
      const chart = document.getElementById('loss');
      const axes = chart._fullLayout;
      const places = chart.data.flatMap(trace => trace.x.map((x, i) => [x, trace.y[i], trace.name]))
        .filter(([x, y]) => x === 1717 && y > 39.9 && y < 40.1);
      const inside = places.every(([x, y]) => {
        const [left, top] = [axes.xaxis.d2p(x), axes.yaxis.d2p(y)];
        return left >= 0 && left <= axes.xaxis._length && top >= 0 && top <= axes.yaxis._length;
      });
      // what is painted: the line's highest point on the screen
      const heights = [...chart.querySelectorAll('.scatterlayer .js-line')].map(line => line.getBBox().y);
      return { count: places.length, inside, marked: places.some(place => place[2] === 'spikes'),
               top: Math.min(...heights), expected: axes.yaxis.d2p(40) };
    }"""
    with opened(browser, spiking) as view:
        view.page.click("#select-shown")
        ranges: list[list[float] | None] = [None, [0, 3000], [1000, 2500], [1700, 1740], [1716, 1718], [1717, 1717.5]]
        for shown in ranges:
            for smoothing in ("0", "80"):
                if shown is not None:
                    view.do(
                        "([a, b]) => Plotly.relayout('loss', {'xaxis.range[0]': a, 'xaxis.range[1]': b})",
                        shown,
                    )
                view.page.select_option("#smoothing", smoothing)
                view.settle()
                seen = view.do(measure)
                assert seen["inside"], (shown, seen)
                assert seen["marked"], (shown, seen)
                assert seen["count"] >= 2, (shown, seen)  # the line and its mark
                assert seen["top"] == pytest.approx(seen["expected"], abs=2), (shown, seen)


def test_zooming_one_panel_zooms_all_and_keys_do_the_same(browser: Any, spiking: Path) -> None:
    read = "['loss', 'lr', 'third'].map(id => document.getElementById(id)._fullLayout.xaxis.range.map(Math.round))"
    with opened(browser, spiking) as view:
        whole = view.do(read)
        box = view.page.locator("#lr .nsewdrag").bounding_box()
        y = box["y"] + box["height"] / 2
        view.page.mouse.move(box["x"] + box["width"] * 0.25, y)
        view.page.mouse.down()
        view.page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=5)
        view.page.mouse.up()
        view.settle()
        zoomed = view.do(read)
        assert zoomed[0] == zoomed[1] == zoomed[2]
        assert zoomed[0][0] == pytest.approx(735, abs=25)
        assert zoomed[0][1] == pytest.approx(1500, abs=25)
        view.page.mouse.dblclick(box["x"] + 50, y)
        view.settle()
        assert view.do(read) == whole
        view.page.locator("#stack").focus()
        view.page.keyboard.press("+")
        view.settle()
        first, last = view.do(read)[2]
        assert last - first == pytest.approx(3060 / 2, abs=10)
        view.page.keyboard.press("0")
        view.settle()
        assert view.do(read) == whole


def test_switches_change_the_axes_and_smoothing_the_lines(browser: Any, spiking: Path) -> None:
    with opened(browser, spiking) as view:
        kind = "id => document.getElementById(id)._fullLayout.yaxis.type"
        assert view.do(kind, "loss") == "log"
        view.page.uncheck("#log-loss")
        view.settle()
        assert view.do(kind, "loss") == "linear"
        roughness = """() => { const y = document.getElementById('lr').data.length && document.getElementById('loss')
            .data.filter(t => t.mode === 'lines').at(-1).y.filter(v => v !== null);
            return y.slice(1).reduce((sum, v, i) => sum + Math.abs(v - y[i]), 0); }"""
        rough = view.do(roughness)
        view.page.select_option("#smoothing", "80")
        view.settle()
        assert view.do(roughness) < rough / 2


def test_hovering_names_the_run(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        view.click_row(1)
        place = view.do("""() => { const c = document.getElementById('loss'), a = c._fullLayout, t = c.data[0];
            const [box, x, y] = [c.getBoundingClientRect(), a.xaxis.d2p(t.x[10]), a.yaxis.d2p(t.y[10])];
            return [box.left + a.xaxis._offset + x, box.top + a.yaxis._offset + y]; }""")
        view.page.mouse.move(*place)
        view.page.wait_for_selector("#loss .hovertext")
        text = view.page.locator("#loss .hovertext").first.text_content()
        assert view.page.locator("#detail-title").inner_text() in text
        assert "step 10" in text
        assert view.page.locator("#cursor").get_attribute("data-step") == "10"


def test_the_keyboard_reaches_the_map_the_table_and_the_search(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        view.page.locator("#overview").focus()
        for key in ("ArrowUp", "ArrowRight", "Enter"):
            view.page.keyboard.press(key)
        view.settle()
        assert {name.rsplit("-s", 1)[0] for name in view.selected()} == {"post_ln-linear-w0.1-lr0.016"}
        view.page.locator("#runs-table tbody tr[tabindex='0']").focus()
        view.page.keyboard.press("Home")
        view.page.keyboard.press("ArrowDown")
        view.page.keyboard.press("Enter")
        assert view.selected() == [view.rows()[1]]
        view.page.keyboard.press("ArrowDown")
        view.page.keyboard.press("Space")
        assert view.selected() == view.rows()[1:3]
        view.page.keyboard.press("/")
        view.page.keyboard.type("seed=0")
        assert len(view.rows()) == 8
        view.page.keyboard.press("Escape")
        assert len(view.rows()) == 16


def test_charts_are_described_in_words(browser: Any, small: Path) -> None:
    with opened(browser, small) as view:
        name = view.click_row(0)
        assert name
        for chart in view.page.locator(".plot").all():
            described = str(chart.get_attribute("aria-describedby"))
            words = view.do("id => document.getElementById(id).textContent", described)
            assert len(words.split()) >= 5, described
        loss = view.page.locator("#loss-words").inner_text()
        series = results.load("tiny", small.parents[1]).curves
        last = series[(series["run_id"] == name) & (series["metric"] == "train/loss")]["value"].iloc[-1]
        assert f"last value {last:.3f}" in loss
        unnamed = (
            "[...document.querySelectorAll('select, input, button')].filter(it => !it.labels?.length && !it.ariaLabel"
        )
        assert view.do(f"{unnamed} && !it.textContent.trim()).map(it => it.id)") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system_and_can_be_switched(browser: Any, small: Path, scheme: str) -> None:
    read = (
        """() => [getComputedStyle(document.body).backgroundColor, document.getElementById('loss').layout.font.color]"""
    )
    with opened(browser, small, color_scheme=scheme) as view:
        ground, text = view.do(read)
        assert (ground == "rgb(20, 23, 27)") == (scheme == "dark")
        view.page.keyboard.press("d")
        view.settle()
        assert view.do(read)[0] != ground
        assert view.do(read)[1] != text


@pytest.mark.parametrize("width", [390, 1024])
def test_it_fits_a_narrow_window(browser: Any, small: Path, width: int) -> None:
    with opened(browser, small, viewport={"width": width, "height": 800}) as view:
        assert view.do("document.documentElement.scrollWidth") <= width


def test_the_command_and_the_configuration_can_be_copied(browser: Any, small: Path) -> None:
    with opened(browser, small, permissions=["clipboard-read", "clipboard-write"]) as view:
        view.click_row(3)
        view.page.click("#copy-command")
        view.wait_for_text("#copy-command", "Copied")
        copied = view.do("navigator.clipboard.readText()")
        assert copied == view.page.locator("#command").inner_text()
        assert copied.startswith("python scripts/train.py ")
        view.page.click("#copy-retrain")
        view.wait_for_text("#copy-retrain", "Copied")
        chosen = view.page.locator("#detail .run-id").inner_text()
        assert view.do("navigator.clipboard.readText()") == f"make retrain STUDY=tiny RUN={chosen}"
        view.page.click("#copy-configuration")
        view.wait_for_text("#copy-configuration", "Copied")
        configuration = dict(line.split(": ", 1) for line in view.do("navigator.clipboard.readText()").splitlines())
        assert configuration["schedule.warmup.fraction"] == "0.1"
        assert configuration["optimizer.name"] == "adam"
        assert len(configuration) > 30


def test_a_study_of_failed_runs_opens(browser: Any, tmp_path: Path) -> None:
    leave(tmp_path / "outputs", "failed")
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    with opened(browser, write_dashboard(study)) as view:
        assert view.page.locator("#tally").inner_text() == "1 failed"
        assert not view.page.locator("#layers-panel").is_visible()
        assert not view.page.locator("#claims").is_visible()
        assert "boom" in view.page.locator("#detail .error").inner_text()
