// Light and dark, and the colours that charts take from the style sheet.

const COLOURS = {}; // what plotly needs, filled from the style sheet

function storedTheme() {
  try {
    return localStorage.getItem("warmuplab-theme");
  } catch {
    return null; // some browsers keep storage from pages opened from a file
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Take `theme`, or what the system prefers where it is null. */
function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  byId("theme-button").textContent = isDark() ? "Light" : "Dark";
  byId("theme-button").setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "muted", "line", "panel", "empty", "accent"]) {
    COLOURS[name] = style.getPropertyValue(`--${name}`).trim();
  }
  COLOURS.palette = DATA.palette[isDark() ? "dark" : "light"];
}

function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  applyTheme(theme);
  try {
    localStorage.setItem("warmuplab-theme", theme);
  } catch {
    // then it lasts as long as the page
  }
  update({ theme });
}

function startTheme() {
  applyTheme(storedTheme());
  byId("theme-button").addEventListener("click", toggleTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    applyTheme(null);
    update({ theme: null });
  });
}
