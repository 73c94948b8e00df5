// The study: plain data, and the series that are read from the compressed block when they are first needed.

const DATA = JSON.parse(byId("data").textContent);
const RUNS = DATA.runs;
const LARGEST = 65535;
const RISES = { "probe/loss": "episodes", "train/loss": "spikes" }; // what is marked on a series

let planes = null; // { steps: Uint32Array, codes: Uint16Array }
const unpacked = new Map();

/** Decompress the block of series. */
async function openSeries() {
  const binary = atob(byId("series").textContent.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = raw.length / 6;
  planes = { steps: joined(raw, 0, count, 4, Uint32Array), codes: joined(raw, 4 * count, count, 2, Uint16Array) };
  byId("series").textContent = "";
}

/** Numbers from their byte planes, the lowest first. */
function joined(raw, start, count, size, kind) {
  const numbers = new kind(count);
  for (let plane = 0; plane < size; plane++) {
    const at = start + plane * count;
    const shift = 8 * plane;
    for (let i = 0; i < count; i++) numbers[i] |= raw[at + i] << shift;
  }
  return numbers;
}

/** `{ steps, values }` of an entry `[offset, count, kind, low, high]`; see `warmuplab.dashboard.series`. */
function unpack(entry) {
  const [offset, count, kind, low, high] = entry;
  if (unpacked.has(offset)) return unpacked.get(offset);
  const steps = new Float64Array(count);
  const values = new Float64Array(count);
  const logarithmic = kind === 1;
  const width = logarithmic ? Math.log(high / low) / (LARGEST - 1) : (high - low) / LARGEST;
  let step = 0;
  for (let i = 0; i < count; i++) {
    const code = planes.codes[offset + i];
    step += planes.steps[offset + i];
    steps[i] = step;
    values[i] = !logarithmic ? low + width * code : code === 0 ? 0 : low * Math.exp(width * (code - 1));
  }
  const series = { steps, values };
  unpacked.set(offset, series);
  return series;
}

/** The series of a metric in a run, null where it was not measured. */
function seriesOf(metric, run) {
  const entry = (DATA.series[metric] || {})[run];
  return entry ? unpack(entry) : null;
}

/** What a run is called: the roles that vary, and its seed. */
function runName(run) {
  const it = RUNS[run];
  const parts = [];
  if (DATA.roles.setting.length > 1) parts.push(it.setting);
  if (DATA.roles.warmup.length > 1) parts.push(it.warmup === "none" ? "no warmup" : `${it.warmup} warmup`);
  if (DATA.roles.rate.length > 1) parts.push(it.rate);
  parts.push(it.seed === null ? it.id : `seed ${it.seed}`);
  return parts.join(" · ");
}

const VALUE_PLACES = new Map(Object.keys(DATA.values).map((name, i) => [name, i]));

/** A summary value of a run; `loss` is the final held-out loss with a diverged run at the unigram entropy. */
function valueOf(name, run) {
  const value = RUNS[run].values[VALUE_PLACES.get(name)];
  return value === undefined ? null : value;
}
