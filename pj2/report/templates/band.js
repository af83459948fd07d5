"use strict";

// The loss band of some runs, as pj2.exhibits.landscape.numbers.landscape_band computes it: at each
// step the least and the greatest loss over learning rates, up to the end of the shortest run that
// did not diverge, or of the longest run if all diverged. `bin` steps are drawn as one, with the
// least minimum and the greatest maximum. If `mean` is above 1, the running mean over that many
// steps replaces the extremes. `lines` adds each run's loss, averaged in a bin. The widths are
// always those of the extremes.
function computeBand(band, { rates, models, seed, bin, mean = 1, lines = false }) {
  const groups = new Map();
  for (const run of band.runs) {
    if (run.seed !== seed || !rates.includes(run.rate) || !models.includes(run.model)) continue;
    if (!groups.has(run.model)) groups.set(run.model, []);
    groups.get(run.model).push(run);
  }
  const bands = [...groups].map(([model, runs]) => {
    const whole = runs.filter((run) => !run.diverged).map((run) => run.steps);
    const steps = whole.length ? Math.min(...whole) : Math.max(...runs.map((run) => run.steps));
    const low = new Float32Array(steps).fill(Infinity);
    const high = new Float32Array(steps).fill(-Infinity);
    for (const run of runs) {
      run.losses ??= decode(run.loss);
      for (let step = 0; step < Math.min(steps, run.steps); step++) {
        low[step] = Math.min(low[step], run.losses[step]);
        high[step] = Math.max(high[step], run.losses[step]);
      }
    }
    return { model, runs, steps, low, high };
  });
  const common = Math.min(...bands.map((one) => one.steps));
  const rows = [];
  const widths = [];
  const losses = [];
  for (const { model, runs, steps, low, high } of bands) {
    const apart = Array.from({ length: common }, (_, step) => high[step] - low[step]);
    widths.push({ model, width: median(apart), steps: common });
    const [least, greatest] = [runningMean(low, mean), runningMean(high, mean)];
    for (let start = 0; start < steps; start += bin) {
      rows.push({
        model,
        step: start,
        min: Math.min(...least.slice(start, start + bin)),
        max: Math.max(...greatest.slice(start, start + bin)),
      });
    }
    for (const [place, run] of lines ? runs.entries() : []) {
      const shown = runningMean(run.losses.slice(0, steps), mean);
      const named = Math.floor((shown.length * (place + 1)) / (runs.length + 1));
      for (let start = 0; start < shown.length; start += bin) {
        const part = shown.slice(start, start + bin);
        const loss = part.reduce((sum, one) => sum + one, 0) / part.length;
        const label = start <= named && named < start + bin;
        losses.push({ model, rate: run.rate, step: start, loss, label });
      }
    }
  }
  return { rows, widths, losses };
}

// The mean over the `size` steps around each step; both ends have fewer.
function runningMean(values, size) {
  if (size === 1) return values;
  const sums = new Float64Array(values.length + 1);
  for (let step = 0; step < values.length; step++) sums[step + 1] = sums[step] + values[step];
  const before = Math.floor(size / 2);
  return Float64Array.from(values, (_, step) => {
    const first = Math.max(0, step - before);
    const end = Math.min(values.length, step - before + size);
    return (sums[end] - sums[first]) / (end - first);
  });
}

// Losses are float32, the least significant byte first, in base64.
function decode(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
