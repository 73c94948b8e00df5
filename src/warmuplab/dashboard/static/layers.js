// Layers: every selected run over depth, and one run over depth and time.

const LAYER_MARGIN = { l: 82, r: 14, t: 8, b: 42 };

/** Steps of the early window of a run, over which layers are averaged; the whole run where that is not known. */
const earlySteps = (run) => RUNS[run].facts.early_steps || Infinity;

function layerSeries(run) {
  const found = (DATA.layers.series[state.layersMetric] || {})[run];
  return found ? DATA.layers.names.map((name) => (found[name] ? unpack(found[name]) : null)) : null;
}

/** The mean over the snapshots in the early window, a value per layer. */
function earlyMeans(run) {
  const stop = earlySteps(run);
  return layerSeries(run).map((series) => {
    if (!series) return null;
    const values = [...series.values].filter((_, i) => series.steps[i] < stop);
    return values.length ? values.reduce((a, b) => a + b) / values.length : null;
  });
}

/** A line per selected run over the layers. */
function drawDepth() {
  const runs = drawn().filter(layerSeries);
  const means = new Map(runs.map((run) => [run, earlyMeans(run)]));
  byId("layers-words").textContent = layerWords(means);
  plotDepth(runs, means);
}

function plotDepth(runs, meansOf) {
  const groups = new Map();
  const all = [];
  for (const run of runs) {
    const colour = groupColour(groupOf(run));
    if (!groups.has(colour)) groups.set(colour, { x: [], y: [], customdata: [], runs: [] });
    const { x, y, customdata, runs: places } = groups.get(colour);
    const means = meansOf.get(run);
    all.push(...means.filter((mean) => mean !== null));
    x.push(...means.map((_, i) => i), null);
    y.push(...means, null);
    customdata.push(...means.map((_, i) => `<b>${plotText(runName(run))}</b><br>${plotText(DATA.layers.names[i])}`), "");
    places.push(...means.map(() => run), run);
  }
  const traces = [...groups].map(([colour, points]) => ({
    type: "scatter", mode: runs.length > 40 ? "lines" : "lines+markers", ...points, opacity: runs.length > 16 ? 0.6 : 0.95,
    line: { color: colour, width: runs.length > 16 ? 1 : 1.6 }, marker: { size: 5, color: colour },
    hovertemplate: "%{customdata}: %{y:.3~g}<extra></extra>",
  }));
  const logarithmic = state.logLayers && mostlyPositive(all);
  const drawable = logarithmic ? all.filter((mean) => mean > 0) : all;
  const [low, high] = [Math.min(...drawable), Math.max(...drawable)];
  const yaxis = baseAxis({ type: logarithmic ? "log" : "linear", range: axisRange(low, high, logarithmic), nticks: 6 });
  if (logarithmic) {
    yaxis.tickvals = logTicks(low, high);
    yaxis.ticktext = yaxis.tickvals.map(tickText);
  }
  const box = byId("layers-depth");
  const layout = baseLayout({
    margin: { ...LAYER_MARGIN, l: 58, b: 36 }, height: box.clientHeight, dragmode: false, hovermode: "closest", yaxis,
    xaxis: baseAxis({ ...layerTicks(box), range: [-0.3, DATA.layers.names.length - 0.7] }),
  });
  Plotly.react(box, traces, layout, PLOT_CONFIG);
}

/** The layers' names, shortened where they would not fit side by side. */
function layerTicks(box) {
  const { names } = DATA.layers;
  const room = box === null ? Infinity : (box.clientWidth - 72) / names.length; // pixels
  const short = (name) => (room < 66 ? name.replace(/^(\w{3})\w*/, "$1") : name);
  return { tickvals: names.map((_, i) => i), ticktext: names.map((name) => plotText(short(name))), tickangle: room < 44 ? -60 : 0 };
}

/** Whether a logarithmic axis suits: 1 - CKA of layers that stand still may round to zero or below. */
const mostlyPositive = (values) => values.filter((value) => value > 0).length > 0.5 * values.length;

/** A map of one run: its layers over the steps at which they were measured. */
function drawLayerMap() {
  const run = state.focused;
  const found = run === null ? null : layerSeries(run);
  const steps = found ? [...new Set(found.flatMap((series) => (series ? [...series.steps] : [])))].sort((a, b) => a - b) : [];
  const values = (found || []).map((series) => {
    const at = new Map(series ? [...series.steps].map((step, i) => [step, series.values[i]]) : []);
    return steps.map((step) => (at.has(step) ? at.get(step) : null));
  });
  const flat = values.flat().filter((value) => value !== null);
  const logarithmic = state.logLayers && mostlyPositive(flat);
  const floor = Math.min(...flat.filter((value) => value > 0)); // what rounds to nothing counts as the smallest
  byId("layers-run").textContent = run === null ? "" : `${runName(run)}, at every snapshot`;
  const trace = {
    type: "heatmap", x: steps.map((_, i) => i), y: values.map((_, i) => i), xgap: 1, ygap: 1, hoverongaps: false,
    z: values.map((row) => row.map((value) => (value === null ? null : logarithmic ? Math.log10(Math.max(value, floor)) : value))),
    customdata: values.map((row, i) => row.map((value, k) => `${plotText(DATA.layers.names[i])}, step ${steps[k]}: ${number(value)}`)),
    hovertemplate: "%{customdata}<extra></extra>", colorscale: VIRIDIS.map((colour, i) => [i / (VIRIDIS.length - 1), colour]),
    colorbar: layerScale(flat, logarithmic),
  };
  const every = Math.ceil(steps.length / 12);
  const ticks = steps.map((_, i) => i).filter((i) => i % every === 0);
  const box = byId("layers-map");
  const layout = baseLayout({
    margin: { ...LAYER_MARGIN, r: 54 }, height: box.clientHeight, dragmode: false,
    xaxis: baseAxis({ tickvals: ticks, ticktext: ticks.map((i) => String(steps[i])), title: axisTitle("step", 4), showgrid: false }),
    yaxis: baseAxis({ ...layerTicks(null), autorange: "reversed", showgrid: false }),
  });
  Plotly.react(box, flat.length ? [trace] : [], layout, PLOT_CONFIG);
}

function layerScale(values, logarithmic) {
  const scale = { thickness: 9, len: 1, outlinewidth: 0, tickfont: { color: COLOURS.muted, size: 10.5 }, xpad: 4, nticks: 6 };
  if (!logarithmic) return scale;
  const ticks = logTicks(Math.min(...values.filter((value) => value > 0)), Math.max(...values));
  return { ...scale, tickvals: ticks.map(Math.log10), ticktext: ticks.map(tickText) };
}

/** The means of each layer over the runs. */
function layerWords(meansOf) {
  const { label } = DATA.layers.metrics[state.layersMetric];
  if (!meansOf.size) return `${label}: not measured in the selected runs.`;
  const parts = DATA.layers.names.map((name, i) => {
    const values = [...meansOf.values()].map((means) => means[i]).filter((value) => value !== null);
    return values.length ? `${name} ${number(values.reduce((a, b) => a + b) / values.length)}` : null;
  });
  return `${label}, mean over the early window and ${plural(meansOf.size, "run")}: ${parts.filter(Boolean).join(", ")}.`;
}

function startLayers() {
  if (!DATA.layers) return;
  byId("layers-panel").hidden = false;
  const menu = byId("layers-metric");
  const names = Object.keys(DATA.layers.metrics);
  menu.replaceChildren(...names.map((name) => element("option", { value: name }, DATA.layers.metrics[name].label)));
  state.layersMetric = names.includes("stability/cka_drift") ? "stability/cka_drift" : names[0];
  menu.value = state.layersMetric;
  menu.addEventListener("change", () => update({ layersMetric: menu.value }));
  byId("log-layers").addEventListener("change", () => update({ logLayers: byId("log-layers").checked }));
  const shared = ["filters", "search", "theme", "layersMetric", "logLayers"];
  onChangeChart([...shared, "selected", "colourBy", "hidden"], byId("layers-depth"), drawDepth);
  onChangeChart([...shared, "focused"], byId("layers-map"), drawLayerMap);
  drawDepth();
  drawLayerMap();
  byId("layers-depth").on("plotly_click", ({ points: [point] }) => {
    update({ focused: byId("layers-depth").data[point.curveNumber].runs[point.pointNumber] });
  });
}
