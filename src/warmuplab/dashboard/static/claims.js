// The verdicts, where the study has claims.

const VERDICTS = ["supported", "supported in part", "refuted", "no difference", "inconclusive", "not tested"];
const SAID = ["statement", "title", "claim", "question"]; // whichever a claim has
const COLUMNS = { effect: "Effect", interval: "Interval", p: "p", seeds: "Seeds", holds: "Where it holds", caveats: "Caveats" };

/** A value of a claim in words, whatever its shape. */
function claimText(value) {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) {
    const numbers = value.length === 2 && value.every((it) => typeof it === "number");
    return numbers ? `${number(value[0])} to ${number(value[1])}` : value.map(claimText).join(value.every((it) => String(it).endsWith(".")) ? " " : "; ");
  }
  if (typeof value === "object") return Object.entries(value).map(([key, it]) => `${key} ${claimText(it)}`).join(", ");
  return number(value);
}

function claimRow(claim, shownColumns) {
  const said = SAID.map((key) => claim[key]).find((text) => typeof text === "string");
  const verdict = String(claim.verdict);
  const kind = VERDICTS.includes(verdict) ? verdict.replaceAll(" ", "-") : "unknown";
  const unit = typeof claim.unit === "string" ? ` ${claim.unit}` : "";
  return element(
    "tr", {},
    element("th", { scope: "row" }, element("b", {}, String(claim.id)), said ? element("span", { class: "said" }, said) : null),
    element("td", {}, element("span", { class: `verdict verdict-${kind}` }, verdict)),
    shownColumns.map((key) => element("td", {}, claimText(claim[key]) + (["effect", "interval"].includes(key) && claim[key] ? unit : ""))),
  );
}

function startClaims() {
  if (!DATA.claims.length) return;
  byId("claims").hidden = false;
  const shownColumns = Object.keys(COLUMNS).filter((key) => DATA.claims.some((claim) => claim[key] !== null && claim[key] !== undefined));
  const head = element("tr", {}, ["Claim", "Verdict", ...shownColumns.map((key) => COLUMNS[key])].map((text) => element("th", { scope: "col" }, text)));
  byId("claims-table").replaceChildren(
    element("thead", {}, head),
    element("tbody", {}, DATA.claims.map((claim) => claimRow(claim, shownColumns))),
  );
}
