// Fewer points of a series for the screen, every extreme kept, and smoothing.

/** First place in the rising `steps` that is at least `step`. */
function placeOf(steps, step) {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The stretch `[from, to)` of a series that is seen between two steps, with a neighbour on either side. */
function stretch(series, range) {
  if (!range) return [0, series.steps.length];
  const from = Math.max(0, placeOf(series.steps, range[0]) - 1);
  return [from, Math.min(series.steps.length, placeOf(series.steps, range[1] + 1e-9) + 1)];
}

/**
 * Places of at most about `most` measurements in `[from, to)`: of each of `most / 2` bins of equal length the smallest
 * and the largest, and both ends, so that no spike is lost at any zoom. Those of `always` in there are kept as well: the
 * peak of a small spike need not be the largest of its bin.
 */
function keptPlaces(values, from, to, most, always = []) {
  const count = to - from;
  const kept = [];
  if (count <= most) {
    for (let i = from; i < to; i++) kept.push(i);
    return kept;
  }
  const bins = Math.max(1, most >> 1);
  kept.push(from);
  for (let bin = 0; bin < bins; bin++) {
    const first = from + Math.floor((bin * count) / bins);
    const stop = from + Math.floor(((bin + 1) * count) / bins);
    let low = first;
    let high = first;
    for (let i = first + 1; i < stop; i++) {
      if (values[i] < values[low]) low = i;
      if (values[i] > values[high]) high = i;
    }
    for (const i of low < high ? [low, high] : [high, low]) if (i > kept[kept.length - 1]) kept.push(i);
  }
  if (kept[kept.length - 1] !== to - 1) kept.push(to - 1);
  const missing = always.filter((place) => place >= from && place < to);
  return missing.length ? [...new Set([...kept, ...missing])].sort((a, b) => a - b) : kept;
}

/** An exponential moving average whose memory is `length` steps, however the measurements are spaced. */
function smoothed(series, length) {
  const { steps, values } = series;
  const average = new Float64Array(values.length);
  let sum = 0;
  let weight = 0;
  for (let i = 0; i < values.length; i++) {
    const fade = i ? Math.exp(-(steps[i] - steps[i - 1]) / length) : 0;
    sum = sum * fade + values[i];
    weight = weight * fade + 1; // divided by, so that the start is not drawn towards zero
    average[i] = sum / weight;
  }
  return { steps, values: average };
}
