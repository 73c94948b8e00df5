// Everything starts here.

function startHead() {
  byId("study-name").textContent = DATA.study;
  byId("facts").textContent = [plural(RUNS.length, "run"), ...DATA.facts].join(" · ");
  const outcomes = DATA.facets.find((facet) => facet.key === "outcome").values;
  byId("tally").replaceChildren(...outcomes.map(tallyEntry));
  byId("reproduce").replaceChildren(
    ...(DATA.command ? ["The whole study again: ", element("code", {}, DATA.command)] : ["No one command repeats this study; each run has its own."]),
  );
  byId("help-button").addEventListener("click", () => byId("help").showModal());
}

/** How many runs ended so; a click shows only these. */
function tallyEntry(outcome) {
  const count = RUNS.filter((it) => it.outcome === outcome).length;
  return element(
    "button",
    { type: "button", class: `outcome ${outcomeClass(outcome)}`, title: "Show only these", onclick: () => filterOutcome(outcome) },
    element("b", {}, count.toLocaleString("en")), ` ${outcome}`,
  );
}

function filterOutcome(outcome) {
  const now = state.filters.outcome === outcome ? "" : outcome;
  update({ filters: { ...state.filters, outcome: now } });
}

/** Keys that work everywhere but where one types. */
function onPageKey(event) {
  const typing = event.target.matches("input[type=search], select, textarea");
  if (event.key === "Escape" && !byId("help").open) {
    if (typing && state.search) update({ search: "" });
    else if (typing) event.target.blur();
    else select([]);
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    byId("search").focus();
  } else if (event.key === "d") toggleTheme();
  else if (event.key === "?") byId("help").showModal();
}

async function start() {
  await openSeries();
  startTheme();
  startHead();
  startClaims();
  startFilters();
  state.selected = new Set(firstSelection());
  state.focused = state.selected.size ? [...state.selected][0] : null;
  startLegend();
  drawLegend();
  startOverview();
  startTable();
  startCurves();
  startLayers();
  startDetail();
  document.addEventListener("keydown", onPageKey);
  document.documentElement.dataset.ready = "true";
}

start();
