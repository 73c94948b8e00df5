// The map of the study: a cell per warmup and peak rate, a map per setting.

let overviewCells = [];

/** How the map is laid out in the width there is. */
function mapShape() {
  const maps = mapSettings().length;
  const width = byId("overview").clientWidth || 560;
  const wide = DATA.roles.warmup.length * 46 + 30;
  const columns = Math.max(1, Math.min(maps, Math.floor((width - 60) / Math.max(wide, 130))));
  const rows = Math.ceil(maps / columns);
  const each = Math.max(70, Math.min(210, DATA.roles.rate.length * 38 + 8));
  return { maps, columns, rows, height: rows * (each + 44) + 26, cell: (width - 110) / columns / DATA.roles.warmup.length };
}

function drawOverview() {
  overviewCells = computeCells();
  const shape = mapShape();
  const means = overviewCells.map((cell) => cell.mean).filter((mean) => mean !== null);
  const limits = colourLimits(means);
  const traces = mapSettings().map((setting, i) => mapTrace(setting, i, shape, limits));
  const layout = mapLayout(shape, limits);
  byId("overview").style.height = `${shape.height}px`;
  Plotly.react(byId("overview"), traces, layout, PLOT_CONFIG);
  const words = overviewWords(overviewCells, state.metric);
  byId("overview-words").textContent = words;
}

/** Ends of the colour scale. A loss at the unigram entropy is as bad as it gets: beyond it colours say nothing more. */
function colourLimits(means) {
  if (!means.length) return [0, 1];
  const low = Math.min(...means);
  const high = Math.max(...means);
  const ceiling = DATA.unigram_entropy;
  if (state.metric === "loss" && ceiling !== null && low < ceiling - 0.5) return [low, Math.min(high, ceiling)];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

function mapTrace(setting, place, shape, limits) {
  const cells = overviewCells.filter((cell) => cell.setting === setting);
  const rows = (read) =>
    DATA.roles.rate.map((rate) => cells.filter((cell) => cell.rate === rate).map(read));
  const suffix = place ? place + 1 : "";
  return {
    type: "heatmap",
    z: rows((cell) => cell.mean),
    text: rows((cell) => cellText(cell, shape.cell)),
    customdata: rows((cell) => cellHover(cell)),
    texttemplate: "%{text}",
    textfont: { size: shape.cell < 42 ? 9.5 : 11.5 },
    hovertemplate: "%{customdata}<extra></extra>",
    hoverongaps: false,
    x: DATA.roles.warmup.map((_, i) => i),
    y: DATA.roles.rate.map((_, i) => i),
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    zmin: limits[0],
    zmax: limits[1],
    colorscale: VIRIDIS.map((colour, i) => [i / (VIRIDIS.length - 1), colour]),
    xgap: 2,
    ygap: 2,
    showscale: place === 0,
    colorbar: { thickness: 9, len: 1, outlinewidth: 0, tickfont: { color: COLOURS.muted, size: 10.5 }, x: 1.01, xpad: 4, nticks: 6 },
  };
}

function mapLayout(shape, limits) {
  const settings = mapSettings();
  const layout = baseLayout({
    height: shape.height,
    margin: { l: 58, r: 50, t: 24, b: 40 },
    annotations: settings.map((setting, i) => mapTitle(setting, i, shape)),
    shapes: overviewShapes(),
    dragmode: false,
  });
  settings.forEach((_, i) => placeMap(layout, i, shape));
  return layout;
}

/** Axes of a map in the grid of maps. */
function placeMap(layout, i, shape) {
  const suffix = i ? i + 1 : "";
  const [column, row] = [i % shape.columns, Math.floor(i / shape.columns)];
  const gap = 0.035;
  const width = (1 - gap * (shape.columns - 1)) / shape.columns;
  const gapDown = shape.rows > 1 ? 46 / shape.height : 0;
  const height = (1 - gapDown * (shape.rows - 1)) / shape.rows;
  const top = 1 - row * (height + gapDown);
  const last = row === shape.rows - 1 || i + shape.columns >= shape.maps;
  layout[`xaxis${suffix}`] = baseAxis({
    domain: [column * (width + gap), column * (width + gap) + width],
    anchor: `y${suffix}`,
    tickvals: DATA.roles.warmup.map((_, k) => k),
    ticktext: DATA.roles.warmup.map(plotText),
    range: [-0.5, DATA.roles.warmup.length - 0.5],
    title: last && DATA.roles.warmup.length > 1 ? axisTitle("warmup", 6) : undefined,
    showgrid: false,
  });
  layout[`yaxis${suffix}`] = baseAxis({
    domain: [Math.max(0, top - height), top],
    anchor: `x${suffix}`,
    tickvals: column ? [] : DATA.roles.rate.map((_, k) => k),
    ticktext: column ? [] : DATA.roles.rate.map(plotText),
    range: [-0.5, DATA.roles.rate.length - 0.5],
    title: column || DATA.roles.rate.length < 2 ? undefined : axisTitle("peak learning rate", 6),
    showgrid: false,
  });
}

function mapTitle(setting, i, shape) {
  const suffix = i ? i + 1 : "";
  const room = Math.max(8, Math.floor((shape.cell * DATA.roles.warmup.length) / 7)); // letters
  return {
    text: `<b>${plotText(setting.length > room ? `${setting.slice(0, room - 1)}…` : setting)}</b>`,
    hovertext: plotText(setting),
    xref: `x${suffix} domain`,
    yref: `y${suffix} domain`,
    x: 0,
    y: 1,
    yanchor: "bottom",
    xanchor: "left",
    showarrow: false,
    font: { size: 12, color: COLOURS.ink },
  };
}

/** Frames around cells with selected runs, and a dotted one where the keyboard is. */
function overviewShapes() {
  const shapes = [];
  mapSettings().forEach((setting, i) => {
    const suffix = i ? i + 1 : "";
    const frame = (x, y, line) => ({
      type: "rect", xref: `x${suffix}`, yref: `y${suffix}`, line,
      x0: x - 0.47, x1: x + 0.47, y0: y - 0.46, y1: y + 0.46,
    });
    for (const cell of overviewCells.filter((it) => it.setting === setting)) {
      const [x, y] = [DATA.roles.warmup.indexOf(cell.warmup), DATA.roles.rate.indexOf(cell.rate)];
      const selected = cell.runs.filter((run) => state.selected.has(run)).length;
      if (selected) {
        shapes.push(frame(x, y, { color: COLOURS.ink, width: 2.5, dash: selected < cell.runs.length ? "dot" : "solid" }));
      }
    }
    if (byId("overview").matches(":focus-visible") && cursor.map === i) {
      shapes.push(frame(cursor.x, cursor.y, { color: COLOURS.accent, width: 3, dash: "dash" }));
    }
  });
  return shapes;
}

const drawFrames = () => Plotly.relayout(byId("overview"), { shapes: overviewShapes() });

function startOverview() {
  const menu = byId("overview-metric");
  menu.replaceChildren(...valueOptions());
  menu.addEventListener("change", () => update({ metric: menu.value }));
  startSettingMenu();
  for (const input of document.querySelectorAll("input[name=pick]")) {
    input.addEventListener("change", () => update({ pick: input.value }));
  }
  const map = byId("overview");
  map.addEventListener("keydown", onMapKey);
  for (const name of ["focus", "blur"]) map.addEventListener(name, () => drawFrames());
  onChangeChart(["metric", "setting", "filters", "search", "theme"], map, drawOverview);
  onChangeChart(["selected"], map, drawFrames);
  drawOverview();
  map.on("plotly_click", ({ points: [point], event }) => {
    const adding = event.ctrlKey || event.metaKey || event.shiftKey;
    Object.assign(cursor, { map: point.curveNumber, x: point.x, y: point.y });
    pickCell(point.curveNumber, point.x, point.y, adding);
  });
}

/** The values of runs: those that the table compares first, the others by section. */
function valueOptions() {
  const option = (name) => element("option", { value: name }, DATA.values[name].label);
  const [first, others] = [[], new Map()];
  for (const name of Object.keys(DATA.values)) {
    const section = name.split("/")[0];
    if (COMPARED.includes(name)) first.push(option(name));
    else others.set(section, [...(others.get(section) || []), option(name)]);
  }
  return [...first, ...[...others].map(([section, options]) => element("optgroup", { label: section }, options))];
}

function startSettingMenu() {
  const settings = DATA.roles.setting;
  if (settings.length <= MOST_MAPS) return;
  const menu = byId("overview-setting");
  byId("overview-setting-label").hidden = false;
  menu.replaceChildren(...settings.map((label) => element("option", { value: label }, label)));
  state.setting = settings[0];
  menu.addEventListener("change", () => update({ setting: menu.value }));
}
