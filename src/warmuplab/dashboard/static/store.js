// What is looked at, in one place; views are told what changed and read the rest.

const state = {
  selected: new Set(), // places of runs in RUNS
  focused: null, // the run that the details are of
  filters: {}, // facet -> value as text
  search: "",
  sort: { key: null, descending: false },
  metric: "loss", // of the overview
  setting: null, // of the overview, where they do not all fit
  pick: "cell", // what a click on the overview selects: cell, rate (row), warmup (column)
  lossMetric: null,
  thirdMetric: null,
  layersMetric: null,
  logLoss: true,
  logLr: false,
  logThird: false,
  logLayers: true,
  smoothing: 0, // in steps
  colourBy: null,
  hidden: new Set(), // colour groups taken out of the curves
  range: null, // [first, last] step shown, null for all
};

const views = []; // { keys, draw, box }
const waiting = new Set(); // charts to draw, once each
const putOff = new Set(); // the same for those that are out of sight
let idle = 0; // a timer
let shownRuns = null; // until the filters change
let drawnRuns = null; // until anything changes

/** Call `draw` whenever one of `keys` of the state changes. */
function onChange(keys, draw) {
  views.push({ keys, draw, box: null });
}

/**
 * The same for the chart in `box`. Charts are drawn shortly after the rest, so that the page never stands still, and those
 * out of sight when there is time.
 */
function onChangeChart(keys, box, draw) {
  views.push({ keys, draw, box });
}

function inSight(box) {
  const { top, bottom } = box.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function drawWaiting() {
  const pause = performance.now() + 40;
  for (const view of waiting) {
    waiting.delete(view);
    if (!inSight(view.box)) {
      putOff.add(view);
      continue;
    }
    putOff.delete(view);
    view.draw();
    if (performance.now() > pause) break;
  }
  if (waiting.size) {
    setTimeout(drawWaiting);
    return;
  }
  document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn || 0) + 1); // for tests
  clearTimeout(idle);
  if (putOff.size) idle = setTimeout(drawPutOff, 150);
}

function drawPutOff() {
  if (waiting.size) return; // comes back behind them
  const [view] = putOff;
  putOff.delete(view);
  view.draw();
  if (putOff.size) idle = setTimeout(drawPutOff);
}

/** Change the state and redraw what depends on it. */
function update(changes) {
  Object.assign(state, changes);
  if ("filters" in changes || "search" in changes) shownRuns = null;
  drawnRuns = null;
  if ("colourBy" in changes) state.hidden = new Set();
  const keys = Object.keys(changes);
  const resting = !waiting.size;
  for (const view of views) {
    if (!view.keys.some((key) => keys.includes(key))) continue;
    if (view.box) waiting.add(view);
    else view.draw();
  }
  if (resting && waiting.size) setTimeout(drawWaiting);
}

/** Select `runs`: instead of what was selected, or, with `adding`, in or out of it together. */
function select(runs, adding = false) {
  let selected = new Set(runs);
  if (adding) {
    selected = new Set(state.selected);
    const all = runs.every((run) => selected.has(run));
    for (const run of runs) all ? selected.delete(run) : selected.add(run);
  }
  let focused = state.focused;
  if (focused === null || !selected.has(focused)) focused = selected.size ? [...selected][0] : null;
  update({ selected, focused });
  say(`${plural(selected.size, "run")} selected`);
}

/** Runs that pass the filters, by place. */
function shown() {
  if (shownRuns === null) shownRuns = RUNS.map((_, run) => run).filter(passes);
  return shownRuns;
}

function passes(run) {
  const it = RUNS[run];
  for (const [facet, value] of Object.entries(state.filters)) {
    if (value !== "" && String(it[facet]) !== value) return false;
  }
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = searchText(run);
  return words.every((word) => text.includes(word));
}

const searchTexts = new Map();

function searchText(run) {
  if (!searchTexts.has(run)) {
    const it = RUNS[run];
    const config = Object.entries(it.config).map(([key, value]) => `${key}=${value}`);
    const parts = [it.id, it.setting, it.norm, it.schedule, it.warmup, it.rate, `seed ${it.seed}`, it.outcome, ...config];
    searchTexts.set(run, parts.join(" ").toLowerCase());
  }
  return searchTexts.get(run);
}

/** Selected runs that pass the filters and whose colour is not taken out: those with curves. */
function drawn() {
  if (drawnRuns === null) {
    drawnRuns = shown().filter((run) => state.selected.has(run) && !state.hidden.has(groupOf(run)));
  }
  return drawnRuns;
}

/** On opening: where warmup matters most, the runs that differ in nothing but warmup and seed. */
function firstSelection() {
  const byPlace = new Map();
  RUNS.forEach((it, run) => {
    if (valueOf("loss", run) === null) return;
    const place = JSON.stringify([it.roles[0], it.roles[1]]);
    if (!byPlace.has(place)) byPlace.set(place, []);
    byPlace.get(place).push(run);
  });
  const places = [...byPlace.values()];
  if (!places.length) return RUNS.length ? [0] : [];
  // In a study with one run at each place there is nothing to compare within one: show the first of them.
  if (places.every((runs) => new Set(runs.map((run) => RUNS[run].warmup)).size < 2)) return fewSeeds(RUNS.map((_, i) => i));
  return fewSeeds(places.reduce((best, runs) => (spread(runs) > spread(best) ? runs : best)));
}

/** How far the mean losses of the warmups lie apart. */
function spread(runs) {
  const losses = new Map();
  for (const run of runs) {
    const { warmup } = RUNS[run];
    losses.set(warmup, [...(losses.get(warmup) || []), valueOf("loss", run)]);
  }
  const means = [...losses.values()].map((all) => all.reduce((a, b) => a + b) / all.length);
  return Math.max(...means) - Math.min(...means);
}

/** At most about 24 runs: fewer seeds of each arm, before fewer arms. */
function fewSeeds(runs) {
  const most = 24;
  const seeds = [...new Set(runs.map((run) => RUNS[run].seed))];
  const arms = Math.max(1, runs.length / seeds.length);
  const kept = new Set(seeds.slice(0, Math.max(1, Math.floor(most / arms))));
  return runs.filter((run) => kept.has(RUNS[run].seed)).slice(0, most);
}
