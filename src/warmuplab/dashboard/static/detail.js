// One run: what it was told, how it ended, and the command that trains it again.

function drawDetail() {
  const run = state.focused;
  const panel = byId("detail");
  if (run === null) {
    panel.replaceChildren(
      element("h2", { id: "detail-title" }, "One run"),
      element("p", { class: "words" }, "Select a run to see its configuration and the command that trains it again."),
    );
    return;
  }
  const it = RUNS[run];
  panel.replaceChildren(
    element(
      "div", { class: "panel-head" },
      element("h2", { id: "detail-title" }, runName(run)),
      element("span", { class: `outcome ${outcomeClass(it.outcome)}` }, it.outcome),
      element("code", { class: "run-id" }, it.id),
    ),
    ...(it.facts.error ? [element("pre", { class: "error" }, it.facts.error)] : []),
    commandPart(it),
    element("div", { class: "detail-parts" }, configurationPart(it), valuesPart(run), factsPart(it)),
  );
}

function commandPart({ command, retrain }) {
  if (!command) return element("p", { class: "words" }, "No command is known for this run.");
  return element(
    "div", {},
    commandToCopy("Train it again, alone", "command", command),
    ...(retrain ? [commandToCopy("Train it again with its population, to the same bits, and compare", "retrain", retrain)] : []),
  );
}

function commandToCopy(title, id, command) {
  const text = element("code", { id }, command);
  const button = element("button", { type: "button", id: `copy-${id}`, onclick: () => copy(command, button) }, "Copy");
  return element("div", { class: "command" }, element("h3", {}, title), element("pre", { tabindex: "0" }, text), button);
}

/** Everything the run was told, what varies in the study first. */
function configurationOf(it) {
  const own = Object.entries(it.config);
  const shared = Object.entries(DATA.configuration).filter(([key]) => !(key in it.config));
  return { own, shared };
}

const configurationValue = (value) => (value === null ? "null" : typeof value === "object" ? JSON.stringify(value) : String(value));

function configurationPart(it) {
  const { own, shared } = configurationOf(it);
  const text = [...own, ...shared].map(([key, value]) => `${key}: ${configurationValue(value)}`).join("\n");
  const button = element("button", { type: "button", id: "copy-configuration", onclick: () => copy(text, button) }, "Copy");
  const row = (name) => ([key, value]) =>
    element("tr", { class: name }, element("th", { scope: "row" }, key), element("td", {}, configurationValue(value)));
  return detailPart("Configuration", "configuration", [...own.map(row("varies")), ...shared.map(row(null))], button);
}

function valuesPart(run) {
  const rows = Object.entries(DATA.values)
    .filter(([name]) => valueOf(name, run) !== null)
    .map(([name, { label, unit }]) =>
      element("tr", { title: name }, element("th", { scope: "row" }, label), element("td", { class: "number" }, `${number(valueOf(name, run))} ${unit}`)),
    );
  return detailPart("Summary", "values", rows);
}

function factsPart(it) {
  const words = { diverged_at: "diverged at step", early_steps: "early window, steps", dirty: "tree modified", seconds: "seconds of its population" };
  const facts = Object.entries(it.facts).filter(([name, value]) => value !== null && name !== "error");
  const rows = facts.map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, words[name] || name), element("td", {}, typeof value === "number" ? number(value) : String(value))),
  );
  return element("div", {}, detailPart("Record", "facts", rows), risePart(it, "episodes", "Rises of the held-out loss"), risePart(it, "spikes", "Spikes of the training loss"));
}

/** Every episode or spike of a run. */
function risePart(it, kind, title) {
  const rows = it[kind].map(([start, peak, end, height]) =>
    element("tr", {}, element("th", { scope: "row" }, `steps ${start} to ${end}`), element("td", { class: "number" }, `${number(height, 2)} nats at ${peak}`)),
  );
  return rows.length ? detailPart(`${title} (${rows.length})`, kind, rows) : [];
}

function detailPart(title, id, rows, button = null) {
  return element(
    "div", { class: "detail-part" },
    element("div", { class: "panel-head" }, element("h3", {}, title), element("span", { class: "spacer" }), button),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title }, element("table", { id: `detail-${id}` }, element("tbody", {}, rows))),
  );
}

function startDetail() {
  onChangeChart(["selected", "focused"], byId("detail"), drawDetail);
  drawDetail();
}
