// Curves of the selected runs: three panels over the same steps.

const BUDGET = 8000; // points of a panel; many runs get fewer each, never without their extremes
const PANELS = [
  { id: "loss", metric: () => state.lossMetric, key: "lossMetric", log: "logLoss" },
  { id: "lr", metric: () => "lr", key: null, log: "logLr" },
  { id: "third", metric: () => state.thirdMetric, key: "thirdMetric", log: "logThird" },
];
const MARGIN = { l: 58, r: 14, t: 8, b: 8 };

/** The steps on the axis: those chosen by zooming, or all of the runs drawn. */
function stepRange(runs) {
  return state.range || wholeRange(runs);
}

const wholeRanges = new WeakMap(); // of the runs drawn

function wholeRange(runs) {
  if (!wholeRanges.has(runs)) wholeRanges.set(runs, computeWholeRange(runs));
  return wholeRanges.get(runs);
}

function computeWholeRange(runs) {
  let last = 1;
  for (const run of runs) {
    const series = seriesOf("lr", run) || seriesOf(state.lossMetric, run);
    if (series) last = Math.max(last, series.steps[series.steps.length - 1]);
  }
  return runs.length > CROWD ? [0, last] : [-0.01 * last, 1.01 * last];
}

function drawPanel(panel) {
  const runs = drawn();
  const range = stepRange(runs);
  const metric = panel.metric();
  const found = runs.map((run) => ({ run, series: metric ? seriesOf(metric, run) : null })).filter((it) => it.series);
  const limits = { low: Infinity, high: -Infinity, positive: Infinity, negative: false };
  const lines = distinct(found).map(({ run, series }) => lineOf(run, series, metric, runs, range, limits));
  const canBeLogarithmic = !limits.negative && limits.positive < Infinity;
  const logarithmic = state[panel.log] && canBeLogarithmic;
  byId(`log-${panel.id}`).disabled = !canBeLogarithmic;
  const around = runs.length > CROWD ? wayAround(range, limits, logarithmic) : null;
  const traces = lineTraces(lines, runs, metric, around);
  if (metric in RISES) traces.push(riseTrace(found, RISES[metric], range, limits));
  if (metric && metric.endsWith("/loss")) traces.push(endTrace(found));
  const layout = panelLayout(panel, metric, range, limits, logarithmic);
  const box = byId(panel.id);
  layout.height = box.clientHeight;
  Plotly.react(box, traces, layout, PLOT_CONFIG);
}

/** Runs without those whose line would lie exactly on another of the same colour, as the learning rates of all seeds do. */
function distinct(found) {
  const known = new Map();
  return found.filter(({ run, series }) => {
    if (run === state.focused) return true;
    const groups = known.get(series) || known.set(series, new Set()).get(series);
    const group = `${groupOf(run)} ${RUNS[run].setting}`;
    return !groups.has(group) && groups.add(group);
  });
}

/** The points of a run in view, and what they do to the limits of the axis. */
function lineOf(run, series, metric, runs, range, limits) {
  const [from, to] = stretch(series, state.range);
  const most = run === state.focused ? 1000 : Math.max(16, Math.floor(BUDGET / Math.max(1, runs.length)));
  const { steps, values } = series;
  const peaks = metric in RISES ? RUNS[run][RISES[metric]].map(([, peak]) => placeOf(steps, peak)) : [];
  const tips = peaks.flatMap((place) => [place - 1, place, place + 1]); // with its neighbours a peak has its true width
  const places = keptPlaces(values, from, to, most, tips);
  for (const i of places) {
    if (steps[i] < range[0] || steps[i] > range[1]) continue;
    const value = values[i];
    if (value < limits.low) limits.low = value;
    if (value > limits.high) limits.high = value;
    if (value > 0 && value < limits.positive) limits.positive = value;
    if (value < 0) limits.negative = true;
  }
  const line = { run, x: places.map((i) => steps[i]), y: places.map((i) => values[i]), over: null };
  if (state.smoothing) {
    const average = smoothed(series, state.smoothing).values;
    line.over = places.map((i) => average[i]);
  }
  return line;
}

/** A trace per colour and dash, its runs separated by gaps: hundreds of runs stay a handful of traces. */
function lineTraces(lines, runs, metric, around) {
  const settings = dashSettings(runs);
  const groups = new Map();
  for (const line of lines) {
    const dash = DASHES[Math.max(0, settings.indexOf(RUNS[line.run].setting))];
    const colour = groupColour(groupOf(line.run));
    const key = `${colour} ${dash}`;
    if (!groups.has(key)) groups.set(key, { colour, dash, lines: [] });
    groups.get(key).lines.push(line);
  }
  const traces = [];
  const crowd = runs.length;
  const width = crowd > CROWD ? 0.8 : crowd > 16 ? 1.1 : 1.5;
  const opacity = crowd > CROWD ? 0.5 : crowd > 16 ? 0.75 : 0.95;
  const sparse = metric === "val/loss";
  for (const group of groups.values()) {
    const style = { color: group.colour, dash: group.dash, width };
    if (state.smoothing && crowd <= CROWD) traces.push(lineTrace(group.lines, "y", style, opacity * 0.3, metric, sparse, around));
    const read = state.smoothing ? "over" : "y";
    traces.push(lineTrace(group.lines, read, state.smoothing ? { ...style, width: width + 0.4 } : style, opacity, metric, sparse, around));
  }
  const focused = lines.find((line) => line.run === state.focused);
  if (focused && crowd > 1) traces.push(focusTrace(focused, metric, settings));
  return traces;
}

/**
 * From the end of a line to the start of the next one outside of the chart. Lines that are joined so are one path for the
 * browser, which takes a fraction of the time of hundreds; only what spans the whole chart can be.
 */
function wayAround([first, last], { high }, logarithmic) {
  const width = last - first;
  const above = logarithmic ? high * 1e6 : high + 1e3 * (Math.abs(high) || 1);
  const x = [last + width, last + width, first - width, first - width];
  return { x, y: [undefined, above, above, above], first, last }; // the first height is that of the line's end
}

const covers = ({ x }, { first, last }) => x[0] <= first && x[x.length - 1] >= last;

function lineTrace(lines, read, style, opacity, metric, sparse, around = null) {
  const [x, y, customdata, runs] = [[], [], [], []];
  for (const line of lines) {
    const name = plotText(runName(line.run));
    for (let i = 0; i < line.x.length; i++) {
      x.push(line.x[i]);
      y.push(line[read][i]);
      customdata.push(name);
      runs.push(line.run);
    }
    const way = around && covers(line, around) ? around : { x: [null], y: [null] };
    for (let i = 0; i < way.x.length; i++) {
      x.push(way.x[i]);
      y.push(way.y[i] === undefined ? line[read][line.x.length - 1] : way.y[i]);
      customdata.push("");
      runs.push(line.run);
    }
  }
  return {
    type: "scatter", mode: sparse ? "lines+markers" : "lines", x, y, customdata, runs, opacity,
    line: { ...style, simplify: false }, marker: { size: 4, color: style.color },
    hovertemplate: hoverTemplate(metric), connectgaps: false,
  };
}

const hoverTemplate = (metric) =>
  `<b>%{customdata}</b><br>step %{x} · ${plotText(DATA.metrics[metric].label)} %{y:.4~g}<extra></extra>`;

/** The run in the details once more, on top of the others. */
function focusTrace(line, metric, settings) {
  const dash = DASHES[Math.max(0, settings.indexOf(RUNS[line.run].setting))];
  const trace = lineTrace([line], state.smoothing ? "over" : "y", { color: groupColour(groupOf(line.run)), dash, width: 2.8 }, 1, metric);
  return { ...trace, name: "focused" };
}

/** A mark on the top of every spike, or episode, in view. */
function riseTrace(found, kind, range, limits) {
  const [x, y, customdata, runs, colours] = [[], [], [], [], []];
  for (const { run, series } of found) {
    for (const [start, peak, end, height, loss] of RUNS[run][kind]) {
      if (peak < range[0] || peak > range[1]) continue;
      const top = loss === null || loss === undefined ? valueAt(series, peak) : loss;
      x.push(peak);
      y.push(top);
      customdata.push(`<b>${plotText(runName(run))}</b><br>${kind.slice(0, -1)} of ${number(height, 2)} nats, steps ${start} to ${end}`);
      runs.push(run);
      colours.push(groupColour(groupOf(run)));
      limits.high = Math.max(limits.high, top);
    }
  }
  return {
    type: "scatter", mode: "markers", name: kind, x, y, customdata, runs, cliponaxis: false,
    marker: { symbol: "triangle-down", size: 9, color: colours, line: { color: COLOURS.panel, width: 1 }, standoff: 3 },
    hovertemplate: "%{customdata}<extra></extra>",
  };
}

/** The value of the measurement closest before or at a step. */
function valueAt(series, step) {
  return series.values[Math.min(placeOf(series.steps, step), series.values.length - 1)];
}

/** A cross where the loss of a run was last finite. */
function endTrace(found) {
  const ends = found.filter(({ run }) => RUNS[run].outcome === "diverged");
  const last = ({ series }) => series.steps.length - 1;
  return {
    type: "scatter", mode: "markers", name: "diverged",
    x: ends.map((it) => it.series.steps[last(it)]),
    y: ends.map((it) => it.series.values[last(it)]),
    customdata: ends.map(({ run }) => `<b>${plotText(runName(run))}</b><br>diverged at step ${RUNS[run].facts.diverged_at}`),
    runs: ends.map(({ run }) => run),
    marker: { symbol: "x", size: 9, color: ends.map(({ run }) => groupColour(groupOf(run))), line: { color: COLOURS.panel, width: 1 } },
    hovertemplate: "%{customdata}<extra></extra>", cliponaxis: false,
  };
}

function panelLayout(panel, metric, range, limits, logarithmic) {
  const last = panel.id === "third";
  const { unit } = DATA.metrics[metric] || { unit: "" };
  let low = logarithmic ? limits.positive : limits.low;
  if (panel.id === "lr" && !logarithmic) low = 0;
  const yaxis = baseAxis({
    type: logarithmic ? "log" : "linear",
    range: axisRange(low, limits.high, logarithmic),
    title: unit ? axisTitle(plotText(unit), 6) : undefined,
    nticks: panel.id === "loss" ? 8 : 4,
    zeroline: limits.negative,
    zerolinecolor: COLOURS.muted,
    exponentformat: "e",
  });
  if (logarithmic) {
    yaxis.tickvals = logTicks(low, limits.high);
    yaxis.ticktext = yaxis.tickvals.map(tickText);
  }
  return baseLayout({
    margin: last ? { ...MARGIN, b: 36 } : MARGIN,
    dragmode: "zoom",
    hovermode: "closest",
    hoverdistance: 24,
    xaxis: baseAxis({
      range, fixedrange: false, showticklabels: last, linecolor: COLOURS.muted,
      title: last ? axisTitle("step", 4) : undefined,
    }),
    yaxis,
    shapes: metric && metric.endsWith("/loss") ? entropyLine(yaxis.range, logarithmic) : [],
    annotations: metric && metric.endsWith("/loss") ? entropyText(yaxis.range, logarithmic) : [],
  });
}

/** Whether the unigram entropy lies on the axis. */
function entropyInView(range, logarithmic) {
  const entropy = DATA.unigram_entropy;
  if (entropy === null) return null;
  const at = logarithmic ? Math.log10(entropy) : entropy;
  return at > range[0] && at < range[1] ? at : null;
}

/** The loss of a model that knows word frequencies only. */
function entropyLine(range, logarithmic) {
  if (entropyInView(range, logarithmic) === null) return [];
  const y = DATA.unigram_entropy;
  return [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, layer: "below", line: { color: COLOURS.muted, width: 1, dash: "dash" } }];
}

function entropyText(range, logarithmic) {
  const y = entropyInView(range, logarithmic);
  if (y === null) return [];
  return [{ text: "unigram entropy", xref: "paper", x: 1, xanchor: "right", y, yanchor: "bottom", showarrow: false, bgcolor: COLOURS.panel, opacity: 0.85, borderpad: 1, font: { size: 10, color: COLOURS.muted } }];
}

function drawCurveWords() {
  const runs = drawn();
  byId("reset-zoom").disabled = state.range === null;
  const selected = [...state.selected].length;
  byId("curves-count").textContent = runs.length === selected ? `${plural(selected, "run")}` : `${runs.length} of ${plural(selected, "selected run")}`;
  if (!runs.length) {
    const why = selected ? "None of the selected runs passes the filters." : "No run is selected. Click a cell of the map or a row of the table.";
    for (const panel of PANELS) byId(`${panel.id}-words`).textContent = why;
    return;
  }
  byId("loss-words").textContent = `${seriesWords(state.lossMetric, runs)} ${riseWords(state.lossMetric, runs)}`;
  byId("lr-words").textContent = seriesWords("lr", runs);
  byId("third-words").textContent = state.thirdMetric ? seriesWords(state.thirdMetric, runs) : "";
}
