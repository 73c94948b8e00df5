// What one does with the curves: choose, zoom, follow the cursor, click a run.

const UPPER = ["train/loss", "probe/loss", "val/loss"];
const LOWER = ["overfit/gap", "probe/loss", "grad/norm", "update/relative"];

function startCurves() {
  startMetricMenu("loss-metric", "lossMetric", UPPER);
  startMetricMenu("third-metric", "thirdMetric", LOWER);
  for (const { id, log } of PANELS) {
    byId(`log-${id}`).addEventListener("change", () => update({ [log]: byId(`log-${id}`).checked }));
  }
  byId("smoothing").addEventListener("change", () => update({ smoothing: Number(byId("smoothing").value) }));
  byId("reset-zoom").addEventListener("click", () => update({ range: null }));
  const shared = ["selected", "filters", "search", "colourBy", "hidden", "theme", "range", "smoothing", "focused"];
  for (const panel of PANELS) {
    onChangeChart([...shared, panel.key, panel.log], byId(panel.id), () => drawPanel(panel));
    drawPanel(panel);
    listenToPanel(byId(panel.id));
  }
  onChangeChart([...shared, "lossMetric", "thirdMetric"], byId("curves"), drawCurveWords);
  drawCurveWords();
  const stack = byId("stack");
  stack.addEventListener("keydown", onCurveKey);
  stack.addEventListener("mousemove", moveCursorLine);
  stack.addEventListener("mouseleave", () => (byId("cursor").hidden = true));
}

function startMetricMenu(id, key, wanted) {
  const metrics = Object.keys(DATA.metrics).filter((name) => name !== "lr");
  const menu = byId(id);
  menu.replaceChildren(...metrics.map((name) => element("option", { value: name }, DATA.metrics[name].label)));
  state[key] = wanted.find((name) => metrics.includes(name)) || metrics[0] || null;
  if (state[key]) menu.value = state[key];
  menu.addEventListener("change", () => update({ [key]: menu.value }));
}

/** Zooming one panel zooms all; a click on a curve shows its run in the details. */
function listenToPanel(box) {
  box.on("plotly_relayout", (changes) => {
    const range = [changes["xaxis.range[0]"], changes["xaxis.range[1]"]];
    if (range.every((end) => typeof end === "number")) update({ range });
  });
  box.on("plotly_doubleclick", () => update({ range: null }));
  box.on("plotly_click", ({ points: [point] }) => {
    const runs = box.data[point.curveNumber].runs;
    if (runs) update({ focused: runs[point.pointNumber] });
  });
}

function onCurveKey(event) {
  if (event.target !== byId("stack")) return; // a menu or a switch in there has keys of its own
  const runs = drawn();
  const [first, last] = stepRange(runs);
  const [middle, half] = [(first + last) / 2, (last - first) / 2];
  const ranges = {
    "+": [middle - half / 2, middle + half / 2],
    "=": [middle - half / 2, middle + half / 2],
    "-": [middle - half * 2, middle + half * 2],
    ArrowLeft: [first - half / 2, last - half / 2],
    ArrowRight: [first + half / 2, last + half / 2],
    0: null,
  };
  if (!(event.key in ranges)) return;
  event.preventDefault();
  update({ range: within(ranges[event.key], runs) });
  say(state.range ? `Steps ${Math.max(0, Math.round(state.range[0]))} to ${Math.round(state.range[1])}` : "Whole run");
}

/** A range moved into the run, null where it is the whole of it. */
function within(range, runs) {
  if (range === null) return null;
  const [first, last] = wholeRange(runs);
  const width = range[1] - range[0];
  if (width >= last - first) return null;
  const start = Math.min(Math.max(range[0], first), last - width);
  return [start, start + width];
}

/** A line through all panels where the mouse is, with the step. */
function moveCursorLine(event) {
  const box = byId("loss");
  const axis = box._fullLayout && box._fullLayout.xaxis;
  const line = byId("cursor");
  if (!axis) return;
  const at = event.clientX - box.getBoundingClientRect().left - axis._offset;
  line.hidden = at < 0 || at > axis._length;
  if (line.hidden) return;
  const left = event.clientX - byId("stack").getBoundingClientRect().left;
  line.style.left = `${left}px`;
  line.dataset.step = Math.round(axis.p2d(at)).toLocaleString("en");
  line.classList.toggle("flipped", at > axis._length - 60);
}
