// Colours of runs, and the legend: an entry per colour, never one per run.

const CROWD = 60; // runs beyond which dashes cannot be made out, nor a faint line behind a smoothed one
const DASHES = ["solid", "dash", "dot", "dashdot"];
const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const COLOUR_TITLES = { setting: "setting", norm: "normalisation", schedule: "schedule", warmup: "warmup", rate: "peak rate", seed: "seed", outcome: "status" };

/** What runs can be coloured by: whatever takes more than one value. */
function colourChoices() {
  const facets = DATA.facets.filter((facet) => facet.values.length > 1).map((facet) => facet.key);
  const wanted = ["warmup", "rate", "setting", "norm", "schedule", "seed", "outcome"];
  return wanted.filter((key) => facets.includes(key));
}

function groupValues() {
  const facet = DATA.facets.find((it) => it.key === state.colourBy);
  return facet ? facet.values : [""];
}

const groupOf = (run) => (state.colourBy ? RUNS[run][state.colourBy] : "");

/** Colour of a group: the palette for a few, a scale for many. */
function groupColour(value) {
  const values = groupValues();
  const place = Math.max(0, values.indexOf(value));
  if (values.length <= COLOURS.palette.length) return COLOURS.palette[place];
  // The darkest part of the scale is lost on a dark ground, the palest on a light one.
  const share = place / (values.length - 1);
  return mixed(isDark() ? 0.22 + 0.78 * share : 0.9 * share);
}

/** Viridis at a share from 0 to 1. */
function mixed(share) {
  const at = share * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const parts = [1, 3, 5].map((i) => {
    const [a, b] = [VIRIDIS[low], VIRIDIS[low + 1]].map((colour) => parseInt(colour.slice(i, i + 2), 16));
    return Math.round(a + (b - a) * (at - low));
  });
  return `rgb(${parts.join(",")})`;
}

/** The settings that the dashes of lines tell apart, none where the colour does or there is only one. */
function dashSettings(runs) {
  if (["setting", "norm"].includes(state.colourBy)) return [];
  const settings = DATA.roles.setting.filter((label) => runs.some((run) => RUNS[run].setting === label));
  return settings.length > 1 && settings.length <= DASHES.length && runs.length <= CROWD ? settings : [];
}

function drawLegend() {
  const runs = shown().filter((run) => state.selected.has(run));
  const counts = new Map();
  for (const run of runs) counts.set(groupOf(run), (counts.get(groupOf(run)) || 0) + 1);
  const values = groupValues().filter((value) => counts.has(value));
  const entries = state.colourBy ? values.map((value) => legendEntry(value, counts.get(value))) : [];
  const dashes = dashSettings(runs).map((label, i) =>
    element("span", { class: "legend-dash" }, dashSample(DASHES[i]), label),
  );
  const marks = [
    element("span", { class: "legend-mark" }, element("i", { class: "mark-spike" }), "spike or episode"),
    runs.some((run) => RUNS[run].outcome === "diverged")
      ? element("span", { class: "legend-mark" }, element("i", { class: "mark-diverged" }, "✕"), "diverged")
      : null,
  ];
  byId("legend").replaceChildren(...entries, ...dashes, ...marks.filter(Boolean));
}

function legendEntry(value, count) {
  const on = !state.hidden.has(value);
  const text = state.colourBy === "warmup" && value === "none" ? "no warmup" : state.colourBy === "seed" ? `seed ${value}` : value;
  const swatch = element("i", { class: "swatch" });
  swatch.style.background = groupColour(value);
  return element(
    "button",
    { type: "button", class: "legend-entry", "aria-pressed": String(on), title: "Show or hide", onclick: () => toggleGroup(value) },
    swatch,
    element("span", {}, String(text)),
    element("small", {}, String(count)),
  );
}

function toggleGroup(value) {
  const hidden = new Set(state.hidden);
  hidden.has(value) ? hidden.delete(value) : hidden.add(value);
  update({ hidden });
}

/** A short line in the style of a dash. */
function dashSample(dash) {
  const sample = element("i", { class: "dash" });
  sample.style.borderTopStyle = { solid: "solid", dash: "dashed", dot: "dotted", dashdot: "dashed" }[dash];
  return sample;
}

function startLegend() {
  const choices = colourChoices();
  const menu = byId("colour-by");
  menu.replaceChildren(...choices.map((key) => element("option", { value: key }, COLOUR_TITLES[key])));
  menu.closest("label").hidden = choices.length < 2;
  state.colourBy = choices[0] || null;
  menu.addEventListener("change", () => update({ colourBy: menu.value }));
  onChange(["selected", "filters", "search", "colourBy", "hidden", "theme"], drawLegend);
}
