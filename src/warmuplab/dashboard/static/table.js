// The runs as a table: to sort, and to select in.

const COMPARED = ["loss", "spike/max_rise", "spike/episodes", "spike/count", "overfit/gap_sum", "train/loss"];
const SHORT = {
  loss: "Held-out", "train/loss": "Training", "spike/max_rise": "Rise", "spike/episodes": "Episodes", "spike/count": "Spikes",
  "overfit/gap_sum": "Gap", "grad/norm_max": "Gradient",
};

const ROWS_AT_ONCE = 60;

let columns = [];
let inOrder = []; // in the order of the table
const rowOf = new Map(); // run -> its row
let anchor = null; // the run from which Shift selects

/** Facets that vary, then values to compare; the value of the map is always among them. */
function tableColumns() {
  const facets = DATA.facets
    .filter((facet) => facet.values.length > 1 && facet.key !== "outcome")
    .map(({ key, title, values }) => ({
      key, title, order: (run) => values.indexOf(RUNS[run][key]), text: (run) => facetShort(key, RUNS[run][key]),
    }));
  const status = { key: "outcome", title: "Status", order: (run) => outcomeOrder(run), text: (run) => RUNS[run].outcome };
  const names = COMPARED.filter((name) => name in DATA.values);
  if (!names.includes(state.metric)) names.push(state.metric);
  const values = names.map((name) => ({
    key: name, title: SHORT[name] || DATA.values[name].label, long: withUnit(DATA.values[name]), numeric: true,
    order: (run) => valueOf(name, run), text: (run) => number(valueOf(name, run)),
  }));
  return [...facets, status, ...values];
}

const facetShort = (key, value) => (value === null ? "–" : key === "warmup" && value === "none" ? "none" : String(value));

function outcomeOrder(run) {
  const facet = DATA.facets.find((it) => it.key === "outcome");
  return facet.values.indexOf(RUNS[run].outcome);
}

/** Runs shown, in the order of the column chosen; what has no value comes last either way. */
function sortedRuns() {
  const column = columns.find((it) => it.key === state.sort.key);
  if (!column) return shown();
  const sign = state.sort.descending ? -1 : 1;
  return [...shown()].sort((a, b) => {
    const [x, y] = [column.order(a), column.order(b)];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    return sign * (x - y) || a - b;
  });
}

/** Whether the value of the map is in the table already, and no column there for another value of it. */
function sameColumns() {
  const keys = (wanted) => wanted.map((column) => column.key).join();
  return keys(tableColumns()) === keys(columns);
}

function drawTable() {
  columns = tableColumns();
  rowOf.clear();
  byId("runs-table").replaceChildren(element("thead", {}), element("tbody", {}));
  drawSorted();
}

function drawSorted() {
  const head = element("tr", {}, element("th", { class: "mark", scope: "col" }, hiddenText("Selected")), columns.map(headCell));
  byId("runs-table").tHead.replaceChildren(head);
  drawRows();
}

const hiddenText = (text) => element("span", { class: "for-readers" }, text);

function headCell(column) {
  const sorted = state.sort.key === column.key;
  const direction = sorted ? (state.sort.descending ? "descending" : "ascending") : "none";
  return element(
    "th",
    { scope: "col", "aria-sort": direction, class: column.numeric ? "number" : null, title: column.long || null },
    element("button", { type: "button", "data-sort": column.key, onclick: () => sortBy(column.key) }, column.title),
  );
}

/** Up, then down, then as the study has it. */
function sortBy(key) {
  const { sort } = state;
  const next = sort.key !== key ? { key, descending: false } : sort.descending ? { key: null, descending: false } : { key, descending: true };
  update({ sort: next });
  const button = [...byId("runs-table").querySelectorAll("[data-sort]")].find((it) => it.dataset.sort === key);
  if (button) button.focus();
}

/** The first rows; the others follow when one scrolls to them, as hundreds take the browser a tenth of a second. */
function drawRows() {
  const runs = sortedRuns();
  inOrder = runs;
  byId("runs-table").tBodies[0].replaceChildren();
  byId("runs-table").closest(".scroll").scrollTop = 0;
  addRows();
  if (!runs.length) {
    const cell = element("td", { colspan: columns.length + 1, class: "nothing" }, "No run passes the filters.");
    byId("runs-table").tBodies[0].append(element("tr", {}, cell));
  }
}

/** The next rows. Each is made once, and only put in another place after that. */
function addRows() {
  const body = byId("runs-table").tBodies[0];
  const there = body.rows.length;
  body.append(...inOrder.slice(there, there + ROWS_AT_ONCE).map((run) => rowOf.get(run) || makeRow(run)));
  markRows();
}

function addRowsOnScroll({ currentTarget: box }) {
  const left = box.scrollHeight - box.scrollTop - box.clientHeight;
  if (left < box.clientHeight && byId("runs-table").tBodies[0].rows.length < inOrder.length) addRows();
}

function makeRow(run) {
  const row = element(
    "tr",
    { "data-run": run, tabindex: "-1", title: RUNS[run].id },
    element("td", { class: "mark" }, element("i", { class: "swatch" })),
    columns.map((column) =>
      element(
        "td",
        { class: column.numeric ? "number" : column.key === "outcome" ? `outcome ${outcomeClass(RUNS[run].outcome)}` : null },
        column.text(run),
      ),
    ),
  );
  rowOf.set(run, row);
  return row;
}

/** A class of the style sheet; an outcome that it does not know has none. */
const outcomeClass = (outcome) => (["trained", "stuck", "diverged", "failed"].includes(outcome) ? `is-${outcome}` : "");

function markRows() {
  for (const [run, row] of rowOf) {
    if (!row.isConnected) continue;
    const selected = state.selected.has(run);
    row.setAttribute("aria-selected", String(selected));
    row.classList.toggle("focused", run === state.focused);
    row.querySelector(".swatch").style.background = selected ? groupColour(groupOf(run)) : "";
  }
  const stop = rowOf.get(state.focused);
  const first = byId("runs-table").querySelector("tbody tr[data-run]");
  for (const row of byId("runs-table").querySelectorAll("tbody tr[tabindex='0']")) row.tabIndex = -1;
  const reachable = stop && stop.isConnected ? stop : first;
  if (reachable) reachable.tabIndex = 0;
  const count = shown().length;
  const all = count === RUNS.length ? plural(count, "run") : `${count} of ${plural(RUNS.length, "run")}`;
  byId("runs-count").textContent = `${all}, ${[...state.selected].length} selected`;
}

/** Bring the first selected row into view, unless one is there already. */
function revealSelected() {
  const box = byId("runs-table").parentElement;
  const top = byId("runs-table").tHead.offsetHeight;
  const rows = [...rowOf].filter(([run, row]) => row.isConnected && state.selected.has(run)).map(([, row]) => row);
  const inView = (row) => row.offsetTop >= box.scrollTop + top && row.offsetTop + row.offsetHeight <= box.scrollTop + box.clientHeight;
  if (rows.length && !rows.some(inView)) box.scrollTop = Math.min(...rows.map((row) => row.offsetTop)) - top;
}

/** A click selects one run, with Ctrl adds it, with Shift selects the stretch from the last one. */
function pickRow(run, { adding, stretching }) {
  const order = sortedRuns();
  if (stretching && anchor !== null && order.includes(anchor)) {
    const [a, b] = [order.indexOf(anchor), order.indexOf(run)].sort((x, y) => x - y);
    select(order.slice(a, b + 1));
  } else {
    select([run], adding);
    anchor = run;
  }
  if (state.selected.has(run)) update({ focused: run });
}

function onTableKey(event) {
  const row = event.target.closest("tr[data-run]");
  if (!row || event.target !== row) return;
  const run = Number(row.dataset.run);
  const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
  const ends = { Home: row.parentNode.firstElementChild, End: row.parentNode.lastElementChild }[event.key];
  if (event.key === "Enter") pickRow(run, { adding: event.ctrlKey, stretching: event.shiftKey });
  else if (event.key === " ") pickRow(run, { adding: true });
  else if (next || ends) moveFocus(row, next || ends, event.shiftKey);
  else return;
  event.preventDefault();
}

function moveFocus(from, to, stretching) {
  if (!to.dataset.run) return;
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
  if (!stretching) return;
  if (anchor === null) anchor = Number(from.dataset.run);
  pickRow(Number(to.dataset.run), { stretching: true });
  to.focus();
}

function startTable() {
  const table = byId("runs-table");
  table.setAttribute("aria-label", "Runs");
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-run]");
    if (row) pickRow(Number(row.dataset.run), { adding: event.ctrlKey || event.metaKey, stretching: event.shiftKey });
  });
  table.addEventListener("keydown", onTableKey);
  table.closest(".scroll").addEventListener("scroll", addRowsOnScroll);
  byId("select-shown").addEventListener("click", () => select(shown()));
  byId("clear-selection").addEventListener("click", () => select([]));
  onChange(["metric"], () => sameColumns() || drawTable());
  onChange(["sort"], drawSorted);
  onChange(["filters", "search"], drawRows);
  onChange(["selected", "focused", "colourBy", "theme"], markRows);
  onChange(["selected"], revealSelected);
  drawTable();
}
