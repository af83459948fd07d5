"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const views = {};

// Colours are CSS variables, so a change of theme, or printing, redraws nothing.
const theme = {
  background: "transparent",
  font: getComputedStyle(document.body).fontFamily,
  view: { stroke: null },
  axis: {
    labelColor: "var(--ink)", titleColor: "var(--ink)", domainColor: "var(--muted)",
    tickColor: "var(--muted)", gridColor: "var(--line)", labelFontSize: 12, titleFontSize: 12,
    titleFontWeight: "normal", labelOverlap: true,
  },
  legend: { labelColor: "var(--ink)", titleColor: "var(--ink)", labelFontSize: 12 },
  text: { color: "var(--ink)" },
  aria: false,
};

// Turn columns, whose words are indices into a list, into one object per row.
function rowsOf({ rows, columns, words }) {
  return Array.from({ length: rows }, (_, place) =>
    Object.fromEntries(
      Object.entries(columns).map(([name, values]) => [
        name,
        words[name] ? words[name][values[place]] : values[place],
      ]),
    ),
  );
}

// The values of the controls above a chart, by parameter.
function choices(figure) {
  const found = {};
  for (const control of figure.querySelectorAll("[data-parameter]")) {
    const name = control.dataset.parameter;
    found[name] =
      control.tagName === "SELECT"
        ? control.value
        : [...control.querySelectorAll("input:checked")].map((input) => input.value);
  }
  return found;
}

function onLogAxis(spec) {
  for (const part of [spec, ...(spec.layer ?? [])]) {
    const axis = part.encoding?.y;
    if (!axis?.field) continue;
    const domain = axis.scale?.domain; // given by the chart, since an empty one has no data to infer it from
    axis.scale = { type: "log", nice: false, clamp: true, ...(domain && { domain }) };
  }
  return spec;
}

function bandOf(figure, band) {
  const chosen = choices(figure);
  const lines = chosen.lines.length > 0;
  const [bin, mean] = [Number(chosen.bin), Number(chosen.mean ?? 1)];
  const found = computeBand(band, { seed: band.seed, ...chosen, bin, mean, lines });
  const above = found.rows.filter((row) => row.max > band.top).length;
  const log = figure.querySelector("[data-log]").checked;
  const parts = found.widths.map(
    ({ model, width }) => `${model}: ${page.words.width} ${width.toFixed(3)}`,
  );
  if (parts.length) parts.push(`${found.widths[0].steps.toLocaleString()} ${page.words.steps}`);
  if (above && !log) parts.push(`${above.toLocaleString()} ${page.words.above}`);
  figure.querySelector(".reading").textContent = parts.join(" · ") || page.words.nothing;
  return lines ? { band: found.rows, losses: found.losses } : { band: found.rows };
}

async function draw(figure) {
  const { spec, data, band } = page.charts[figure.dataset.chart];
  const own = structuredClone(spec);
  own.datasets = Object.fromEntries(
    Object.entries(data).map(([name, table]) => [name, rowsOf(table)]),
  );
  if (band) {
    Object.assign(own.datasets, bandOf(figure, band));
    own.layer = own.layer.filter(({ data }) => !data || data.name in own.datasets);
  }
  if (figure.querySelector("[data-log]")?.checked) onLogAxis(own);
  const { view } = await vegaEmbed(figure.querySelector(".plot"), own, {
    renderer: "svg", actions: false, config: theme, tooltip: { theme: "custom" },
  });
  // The chart's container is a named image, so its marks need no names.
  figure.querySelector("svg").setAttribute("aria-hidden", "true");
  views[figure.dataset.chart] = view;
  await apply(figure);
}

// Pass the chosen values to a drawn chart.
async function apply(figure) {
  const view = views[figure.dataset.chart];
  const { band } = page.charts[figure.dataset.chart];
  if (band) {
    for (const [name, rows] of Object.entries(bandOf(figure, band))) view.data(name, rows);
  } else {
    for (const [name, value] of Object.entries(choices(figure))) view.signal(name, value);
  }
  await view.runAsync();
}

function listen(figure) {
  figure.addEventListener("change", (event) =>
    "log" in event.target.dataset || event.target.closest("[data-parameter=lines]")
      ? draw(figure)
      : apply(figure),
  );
  figure.addEventListener("click", (event) => {
    const { all, none } = event.target.dataset;
    if (all === undefined && none === undefined) return;
    for (const input of event.target.closest("fieldset").querySelectorAll("input")) {
      input.checked = all !== undefined;
    }
    apply(figure);
  });
}

// Sort by the number at the beginning of a cell, or else by its letters; missing values last.
function keyOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = Number.parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return { text, number, missing: text === "–" || text === "" };
}

function sortBy(button) {
  const heading = button.closest("th");
  const table = button.closest("table");
  const up = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, ...keyOf(row, heading.cellIndex) }));
  const numbers = rows.every(({ number, missing }) => missing || !Number.isNaN(number));
  rows.sort((one, other) => {
    if (one.missing !== other.missing) return one.missing ? 1 : -1;
    const order = numbers ? one.number - other.number : one.text.localeCompare(other.text);
    return up ? order : -order;
  });
  table.tBodies[0].append(...rows.map(({ row }) => row));
}

function chooseTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

function remembered(name) {
  try {
    if (name) localStorage.setItem("pj2-theme", name);
    return localStorage.getItem("pj2-theme") ?? "auto";
  } catch {
    return name ?? "auto"; // a browser may refuse storage to a page on disk
  }
}

const themes = document.getElementById("theme");
themes.value = remembered();
chooseTheme(themes.value);
themes.addEventListener("change", () => chooseTheme(remembered(themes.value)));
for (const button of document.querySelectorAll(".sortable thead button")) {
  button.addEventListener("click", () => sortBy(button));
}
(async () => {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    listen(figure);
    await draw(figure);
  }
  document.documentElement.dataset.drawn = "";
})();
