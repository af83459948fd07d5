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
    const places = Math.ceil(steps / band.width);
    const low = new Array(places).fill(Infinity);
    const high = new Array(places).fill(-Infinity);
    for (const run of runs) {
      const highest = run.high ?? run.low;
      for (let place = 0; place < Math.min(places, run.low.length); place++) {
        low[place] = Math.min(low[place], run.low[place]);
        high[place] = Math.max(high[place], highest[place]);
      }
    }
    return { model, steps, low, high };
  });
  const common = Math.ceil(Math.min(...bands.map((one) => one.steps)) / band.width);
  const rows = [];
  const widths = [];
  for (const { model, low, high } of bands) {
    const apart = low.slice(0, common).map((value, place) => high[place] - value);
    widths.push({ model, width: median(apart), steps: common * band.width });
    const together = Math.max(1, Math.round(bin / band.width));
    for (let start = 0; start < low.length; start += together) {
      rows.push({
        model,
        step: start * band.width,
        min: Math.min(...low.slice(start, start + together)),
        max: Math.max(...high.slice(start, start + together)),
      });
    }
  }
  return { rows, widths };
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
