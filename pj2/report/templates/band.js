"use strict";

// The band of the losses of some runs, as pj2.exhibits.landscape.numbers.landscape_band computes it: at
// each step the least and the greatest loss over learning rates, as far as the shortest run
// that did not diverge goes; of runs that all diverged, as far as the longest. `bin` steps
// are then shown as one, with the least minimum and the greatest maximum.
function computeBand(band, { rates, models, seed, bin }) {
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
    return { model, steps, low, high };
  });
  const common = Math.min(...bands.map((one) => one.steps));
  const rows = [];
  const widths = [];
  for (const { model, low, high } of bands) {
    const apart = Array.from({ length: common }, (_, step) => high[step] - low[step]);
    widths.push({ model, width: median(apart), steps: common });
    for (let start = 0; start < low.length; start += bin) {
      rows.push({
        model,
        step: start,
        min: Math.min(...low.slice(start, start + bin)),
        max: Math.max(...high.slice(start, start + bin)),
      });
    }
  }
  return { rows, widths };
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
