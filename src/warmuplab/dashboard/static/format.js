// Words and small DOM helpers. Text of a study becomes text nodes only, never markup.

const byId = (id) => document.getElementById(id);

/** An element with attributes, event handlers (`onclick`) and children; strings become text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Text for plotly, which reads a small part of HTML in its labels. */
function plotText(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** A number for reading: three or four digits, a dash where there is none. */
function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(2).replace("e+", "e");
  return value.toFixed(size >= 100 ? 1 : size < 0.1 ? digits + 1 : digits);
}

const plural = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;

/** `a`, `a and b`, `a, b and c`. */
function listed(items) {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}

const withUnit = ({ label, unit }) => (unit ? `${label} [${unit}]` : label);

/** Copy text and say so on the button. */
async function copy(text, button) {
  let copied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copied = copyThroughSelection(text);
  }
  const before = button.dataset.label || button.textContent;
  button.dataset.label = before;
  button.textContent = copied ? "Copied" : "Not copied";
  button.classList.toggle("done", copied);
  setTimeout(() => {
    button.textContent = before;
    button.classList.remove("done");
  }, 1500);
}

/** The older way, for browsers that keep the clipboard from pages opened from a file. */
function copyThroughSelection(text) {
  const area = element("textarea", { class: "for-readers" });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

/** Tell a screen reader. */
function say(text) {
  byId("said").textContent = text;
}
