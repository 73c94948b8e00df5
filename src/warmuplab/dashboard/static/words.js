// Charts in words: for screen readers, and for everybody who wants the result in a sentence.

/** Where the runs of a panel start, end and peak. */
function seriesWords(metric, runs) {
  const { label } = DATA.metrics[metric] || { label: metric };
  const ends = [];
  let highest = null;
  for (const run of runs) {
    const series = seriesOf(metric, run);
    if (!series) continue;
    ends.push({ run, last: series.values[series.values.length - 1] });
    for (let i = 0; i < series.values.length; i++) {
      if (!highest || series.values[i] > highest.value) highest = { run, value: series.values[i], step: series.steps[i] };
    }
  }
  if (!ends.length) return `${label}: not measured in the selected runs.`;
  ends.sort((a, b) => a.last - b.last);
  const [best, worst] = [ends[0], ends[ends.length - 1]];
  const last =
    ends.length === 1
      ? `last value ${number(best.last)}`
      : `last values from ${number(best.last)} (${runName(best.run)}) to ${number(worst.last)} (${runName(worst.run)})`;
  const top = `highest ${number(highest.value)} at step ${highest.step} (${runName(highest.run)})`;
  return `${label} of ${plural(ends.length, "run")}: ${last}; ${top}.`;
}

/** How often and how high a loss of the selected runs rises: its episodes, or its spikes. */
function riseWords(metric, runs) {
  const kind = RISES[metric];
  if (!kind) return "";
  const rising = runs.filter((run) => RUNS[run][kind].length);
  if (!rising.length) return kind === "spikes" ? "No spike of the training loss was found in them." : "No episode was found in them.";
  let top = null;
  for (const run of rising) {
    for (const [start, peak, , height] of RUNS[run][kind]) {
      if (!top || height > top.height) top = { run, start, peak, height };
    }
  }
  return (
    `${rising.length} of ${plural(runs.length, "run")} ${rising.length === 1 ? "has" : "have"} ${kind},` +
    ` the highest of ${number(top.height, 2)} nats at step ${top.peak} (${runName(top.run)}).`
  );
}

/** The best and the worst cell of the overview. */
function overviewWords(cells, metric) {
  const measured = cells.filter((cell) => cell.mean !== null).sort((a, b) => a.mean - b.mean);
  const { label, unit } = DATA.values[metric];
  if (!measured.length) return `${label}: not measured in the runs shown.`;
  const place = (cell) =>
    [cell.setting, cell.warmup && (cell.warmup === "none" ? "no warmup" : `${cell.warmup} warmup`), cell.rate && `peak rate ${cell.rate}`]
      .filter(Boolean)
      .join(", ");
  const [low, high] = [measured[0], measured[measured.length - 1]];
  if (measured.length === 1) return `${label}: ${number(low.mean)} ${unit}.`;
  return `${label}, mean over seeds: lowest ${number(low.mean)} ${unit} (${place(low)}), highest ${number(high.mean)} (${place(high)}).`;
}
