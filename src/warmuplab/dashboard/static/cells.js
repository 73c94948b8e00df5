// What the map of the study shows: a cell per setting, warmup and peak rate, and its words.

const MOST_MAPS = 6; // settings drawn at once; beyond, one is chosen

/** Settings of the maps on the page. */
function mapSettings() {
  const { setting } = DATA.roles;
  return setting.length <= MOST_MAPS ? setting : [state.setting];
}

/** Runs shown, by the place that their roles give them. */
function cellRuns() {
  const cells = new Map();
  for (const run of shown()) {
    const [setting, rate, warmup] = RUNS[run].roles;
    if (setting === null) continue;
    const key = JSON.stringify([setting, rate, warmup]);
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(run);
  }
  return cells;
}

const runsAt = (cells, setting, rate, warmup) => cells.get(JSON.stringify([setting, rate, warmup])) || [];

/** A cell per setting, rate and warmup: its runs and the mean of the metric over them. */
function computeCells() {
  const byPlace = cellRuns();
  const cells = [];
  for (const setting of mapSettings()) {
    for (const rate of DATA.roles.rate) {
      for (const warmup of DATA.roles.warmup) {
        const runs = runsAt(byPlace, setting, rate, warmup);
        const values = runs.map((run) => valueOf(state.metric, run)).filter((value) => value !== null);
        const mean = values.length ? values.reduce((a, b) => a + b) / values.length : null;
        cells.push({ setting, rate, warmup, runs, values, mean });
      }
    }
  }
  return cells;
}

/** The mean, and below it what did not train. */
function cellText(cell, width) {
  if (!cell.runs.length) return "";
  if (width < 26) return "";
  const text = cell.mean === null ? "–" : number(cell.mean, 2);
  const bad = ["diverged", "stuck", "failed"].map((outcome) => [outcome, countOf(cell, outcome)]).filter(([, n]) => n);
  if (!bad.length || width < 46) return text;
  const [outcome, count] = bad[0];
  const all = count === cell.runs.length;
  return `${text}<br><span style="font-size:9px">${all ? outcome : `${count} ${outcome}`}</span>`;
}

const countOf = (cell, outcome) => cell.runs.filter((run) => RUNS[run].outcome === outcome).length;

function cellHover(cell) {
  const { label, unit } = DATA.values[state.metric];
  const parts = [cell.setting, cell.warmup === "none" ? "no warmup" : cell.warmup && `${cell.warmup} warmup`, cell.rate && `peak lr ${cell.rate}`];
  const lines = [`<b>${plotText(parts.filter(Boolean).join(" · "))}</b>`];
  if (cell.values.length) {
    const ends = [Math.min(...cell.values), Math.max(...cell.values)].map((value) => number(value));
    const span = cell.values.length > 1 ? ` (${ends[0]}–${ends[1]})` : "";
    lines.push(`${plotText(label)}: ${number(cell.mean)}${span} ${plotText(unit)}`);
  }
  const outcomes = [...new Set(cell.runs.map((run) => RUNS[run].outcome))];
  lines.push(plotText(outcomes.map((outcome) => `${countOf(cell, outcome)} ${outcome}`).join(", ")));
  return lines.join("<br>");
}
