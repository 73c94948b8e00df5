// Filters over the runs: a menu per facet that varies, and a search.

const FACET_WORDS = { warmup: (value) => (value === "none" ? "no warmup" : value), seed: (value) => `seed ${value}` };

function facetText(key, value) {
  return (FACET_WORDS[key] || String)(value);
}

function startFilters() {
  const facets = DATA.facets.filter((facet) => facet.values.length > 1);
  const search = element("input", {
    type: "search", id: "search", placeholder: "Search: words of the name or key=value", "aria-label": "Search the runs",
    oninput: () => update({ search: search.value }),
  });
  const clear = element("button", { type: "button", id: "clear-filters", disabled: true, onclick: clearFilters }, "No filter");
  byId("filters").replaceChildren(...facets.map(filterMenu), search, clear);
  onChange(["filters", "search"], () => {
    for (const menu of byId("filters").querySelectorAll("select")) menu.value = state.filters[menu.dataset.facet] || "";
    if (search.value !== state.search) search.value = state.search;
    clear.disabled = !state.search && !Object.values(state.filters).some(Boolean);
    say(`${plural(shown().length, "run")} shown`);
  });
}

function filterMenu({ key, title, values }) {
  const menu = element(
    "select",
    { "data-facet": key, onchange: () => update({ filters: { ...state.filters, [key]: menu.value } }) },
    element("option", { value: "" }, "all"),
    values.map((value) => element("option", { value: String(value) }, facetText(key, value))),
  );
  return element("label", {}, title, menu);
}

function clearFilters() {
  update({ filters: {}, search: "" });
}
