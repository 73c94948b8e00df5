// What all charts have in common.

const PLOT_CONFIG = {
  displaylogo: false,
  responsive: true,
  doubleClick: false, // shows the whole run in every panel; see curves.js
  modeBarButtons: [["toImage"]],
};

const FONT = { family: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif", size: 11.5 };

/** A layout in the colours of the theme. */
function baseLayout(changes) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...FONT, color: COLOURS.muted },
    showlegend: false,
    hoverlabel: {
      bgcolor: COLOURS.panel,
      bordercolor: COLOURS.line,
      font: { ...FONT, size: 12, color: COLOURS.ink },
      align: "left",
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: COLOURS.muted, activecolor: COLOURS.ink },
    ...changes,
  };
}

const axisTitle = (text, standoff) => ({ text, standoff, font: { ...FONT, color: COLOURS.muted } });

/** An axis with light grid lines and nothing else. */
function baseAxis(changes) {
  return {
    gridcolor: COLOURS.line,
    linecolor: COLOURS.line,
    zeroline: false,
    ticks: "",
    fixedrange: true,
    ticklabeloverflow: "allow", // otherwise every label is measured, which makes the browser lay the page out
    tickfont: { color: COLOURS.muted },
    ...changes,
  };
}

/** The limits of an axis that shows values from `low` to `high`, in plotly's terms. */
function axisRange(low, high, logarithmic) {
  if (!(low <= high)) return [0, 1];
  const [from, to] = logarithmic ? [Math.log10(low), Math.log10(high)] : [low, high];
  const room = (to - from || Math.abs(to) || 1) * 0.06;
  return [from - room, to + room];
}

/** Ticks of a logarithmic axis as plain numbers, more of them where it spans little. */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const steps = decades > 4 ? [1] : decades > 1.2 ? [1, 2, 5] : decades > 0.5 ? [1, 2, 3, 5, 7] : [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 8, 9];
  const values = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= low * 0.95 && value <= high * 1.05) values.push(value);
    }
  }
  return values;
}

/** 0.004 as 4e-3, 12 as 12. */
function tickText(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 0.01 && size < 1e5) return String(Number(value.toPrecision(3)));
  return value.toExponential().replace("e+", "e");
}
