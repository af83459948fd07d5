"""The report of the tiny study, as a reader's browser shows it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

from pj2.exhibits.format import write_all_formats
from pj2.exhibits.landscape.chart import landscape_charts
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.exhibits.landscape.table import landscape_table
from pj2.language import use_language
from pj2.report.contents import Contents, Shown, read_contents
from pj2.report.glance import at_a_glance
from pj2.report.page import write_report
from pj2.runs.reading import load_runs, steps
from pj2.store.files import write_table
from tests.helpers.made_up import make_index, make_run

pytestmark = pytest.mark.workflow

EXPERIMENTS = ("comparison", "landscape")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The rest keeps the browser itself, not the page, from looking for a network.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium: the system's, or the one that `playwright install chromium` brought."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        except Error as error:
            pytest.skip(f"no Chromium to open the report with: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(study) -> Path:
    return study.folder / "results" / "tiny" / "report.html"


@pytest.fixture
def complaints() -> list[str]:
    """What the page logs, throws or asks for; empty at the end of every test."""
    return []


@pytest.fixture
def open_page(browser, report, complaints):
    def open_it(width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        return page

    contexts, asked = [], []
    yield open_it
    for context in contexts:
        context.close()
    outside = [url for url in asked if not url.startswith(("data:", report.as_uri()))]
    assert complaints + outside == []


def test_every_chart_is_drawn_and_nothing_is_loaded(open_page, report):
    page = open_page()
    assert report.stat().st_size < 5e6
    charts = page.locator("[data-chart]")
    names = charts.evaluate_all("all => all.map(one => one.dataset.chart)")
    expected = {f"{kind}-{name}" for kind in ("loss", "accuracy", "band") for name in EXPERIMENTS}
    assert expected | {"confusion-matrix", "efficiency"} <= set(names)
    marks = charts.evaluate_all(
        "all => all.map(one => one.querySelectorAll('svg .role-mark path').length)"
    )
    assert min(marks) > 0
    pictures = page.locator("main img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(pictures) > 8
    assert min(pictures) > 0


@pytest.mark.parametrize("width", [1280, 375])
def test_the_first_screen_shows_each_models_accuracy_in_its_place(open_page, study, width):
    page = open_page(width=width)
    rows = page.locator(".accuracies tr:has(.track)")
    table = pd.read_csv(study.folder / "results/tiny/tables/comparison.csv")
    assert rows.count() == len(table.groupby(["experiment", "model"]))
    for row in rows.all():
        track, mean = (row.locator(name).bounding_box() for name in (".track", "b"))
        assert track["y"] + track["height"] < 900
        shown = float(row.locator("td").last.inner_text())
        assert 100 * (mean["x"] + mean["width"] / 2 - track["x"]) / track["width"] == pytest.approx(
            shown, abs=2
        )


def test_the_page_begins_with_what_diverged_and_what_is_stale(open_page):
    glance = open_page().locator("#glance").inner_text()
    assert "Nothing is stale" in glance
    assert "comparison: BasicCNN, learning rate 1000000000000.0, seed 0, at step" in glance


def test_a_run_that_the_config_does_not_ask_for_is_named(study, monkeypatch):
    monkeypatch.chdir(study.folder)
    contents = read_contents("results/tiny/index/report.json")
    changed = contents.model_dump(mode="json")
    changed["config"]["experiments"]["landscape"]["batch_size"] = 8
    runs = load_runs(Path("results/tiny/index").glob("*/*.json"))
    shown = Shown(Contents.model_validate(changed), tuple(runs))
    stale = at_a_glance(shown).stale
    assert len(stale) == 4
    assert all("landscape" in line and "batch_size" in line for line in stale)


def test_a_chinese_page_is_chinese(study, monkeypatch, tmp_path, browser):
    monkeypatch.chdir(study.folder)
    use_language("zh")
    try:
        index = sorted(Path("results/tiny/index").glob("*/*.json"))
        write_report("results/tiny/index/report.json", index, tmp_path / "zh.html")
    finally:
        use_language("en")
    page = browser.new_page()
    page.goto((tmp_path / "zh.html").as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    titles = page.locator("h2, legend, summary").all_inner_texts()
    axes = page.locator(".role-axis-title").all_text_contents()
    assert [word for word in (*titles, *axes) if word.isascii()] == []
    page.close()


def band_on(page: Page, name: str) -> pd.DataFrame:
    rows = page.evaluate("name => views[name].data('band')", name)
    return pd.DataFrame(rows)[["model", "step", "min", "max"]]


def band_of(study, name: str, rates: set[str]) -> pd.DataFrame:
    """What pandas makes of the recorded losses of some learning rates."""
    index = (study.folder / "results" / "tiny" / "index" / f"experiment={name}").glob("*.json")
    runs = [run for run in load_runs(sorted(index)) if run.lr in rates]
    return landscape_band(runs).to_pandas()[["model", "step", "min", "max"]]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("landscape", {"0.001", "0.002"}),
        ("landscape", {"0.002"}),
        ("comparison", {"0.01", "1000000000000.0"}),  # the second diverges
        ("comparison", {"1000000000000.0"}),
    ],
)
def test_the_choice_of_learning_rates_changes_the_band(open_page, study, monkeypatch, name, kept):
    monkeypatch.chdir(study.folder)
    page = open_page()
    controls = page.locator(f"[data-chart=band-{name}] [data-parameter=rates] input")
    offered = controls.evaluate_all("all => all.map(one => one.value)")
    kept = {rate for rate in offered if float(rate) in set(map(float, kept))}
    for rate, control in zip(offered, controls.all(), strict=True):
        control.set_checked(rate in kept)
    page.wait_for_timeout(200)
    expected = band_of(study, name, kept)
    pd.testing.assert_frame_equal(
        band_on(page, f"band-{name}"),
        expected.astype({"min": np.float64, "max": np.float64}),
        check_exact=True,
        check_dtype=False,
    )


def test_long_runs_of_several_seeds_have_the_band_and_widths_of_the_table(open_page, tmp_path):
    """More steps than a line has points: what is drawn is binned, and widths are not."""
    random = np.random.default_rng(0)
    entries = [
        make_run(tmp_path, model, random.gamma(2, 1, 5003), lr=rate, seed=seed)
        for model in ("A", "B")
        for rate in ("0.1", "0.2", "0.3")
        for seed in (0, 1, 2)
    ]
    index = make_index(tmp_path, entries)
    runs = load_runs(index)
    write_table(tmp_path / "band.parquet", landscape_band(runs))
    write_all_formats(landscape_table(index, tmp_path / "band.parquet"), tmp_path / "table")
    written = pd.read_csv(tmp_path / "table.csv").set_index(["model", "seed"])
    (chart,) = landscape_charts(runs)
    page = open_page()
    for seed in (0, 1, 2):
        chosen = {"rates": ["0.1", "0.2", "0.3"], "models": ["A", "B"], "seed": str(seed)}
        raw, binned = (
            page.evaluate("([band, chosen]) => computeBand(band, chosen)", [chart.band, asked])
            for asked in ({**chosen, "bin": 1}, {**chosen, "bin": 50})
        )
        band = landscape_band([run for run in runs if run.seed == seed]).to_pandas()
        assert [row["min"] for row in raw["rows"]] == band["min"].tolist()
        assert [row["max"] for row in raw["rows"]] == band["max"].tolist()
        assert len(binned["rows"]) == 2 * 101
        for widths in (raw["widths"], binned["widths"]):
            for width in widths:
                row = written.loc[width["model"], seed]
                assert width["width"] == row["common_median_width"]
                assert width["steps"] == row["common_steps"]


def test_bins_take_the_extremes_of_their_steps(open_page, study, monkeypatch):
    monkeypatch.chdir(study.folder)
    page = open_page()
    raw = band_on(page, "band-comparison")
    page.evaluate(
        """() => {
            const chart = document.querySelector("[data-chart=band-comparison]");
            const bins = chart.querySelector("[data-parameter=bin]");
            bins.append(new Option("3", "3"));
            bins.value = "3";
            bins.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )
    page.wait_for_timeout(200)
    expected = (
        raw.assign(step=raw["step"] // 3 * 3)
        .groupby(["model", "step"], as_index=False)
        .agg({"min": "min", "max": "max"})
    )
    pd.testing.assert_frame_equal(band_on(page, "band-comparison"), expected)


@pytest.mark.parametrize("mean", [1, 5, 10])
def test_a_running_mean_and_each_runs_loss_are_those_of_pandas(open_page, tmp_path, mean):
    random = np.random.default_rng(1)
    entries = [
        make_run(tmp_path, "A", random.gamma(2, 1, 90), lr="0.1"),
        make_run(tmp_path, "A", random.gamma(2, 1, 101), lr="0.2"),
        make_run(tmp_path, "A", random.gamma(2, 1, 40), lr="0.3", val=(), diverged=True),
    ]
    runs = load_runs(make_index(tmp_path, entries))
    (chart,) = landscape_charts(runs)
    chosen = {"rates": ["0.1", "0.2", "0.3"], "models": ["A"], "seed": "0", "mean": mean}
    page = open_page()
    raw, binned = (
        page.evaluate("([band, chosen]) => computeBand(band, chosen)", [chart.band, asked])
        for asked in ({**chosen, "bin": 1, "lines": True}, {**chosen, "bin": 4, "lines": True})
    )

    def smooth(values: pd.Series) -> np.ndarray:
        return values.astype(float).rolling(mean, center=True, min_periods=1).mean().to_numpy()

    band = landscape_band(runs).to_pandas()
    for edge in ("min", "max"):
        found = [row[edge] for row in raw["rows"]]
        np.testing.assert_allclose(found, smooth(band[edge]), rtol=1e-12)
    width = (band["max"].astype(float) - band["min"]).median()
    assert raw["widths"][0]["width"] == binned["widths"][0]["width"] == width
    lines, means = pd.DataFrame(raw["losses"]), pd.DataFrame(binned["losses"])
    for run in runs:
        loss = smooth(steps(run)["loss"].iloc[:90])
        np.testing.assert_allclose(lines.loc[lines["rate"] == run.lr, "loss"], loss, rtol=1e-12)
        each = pd.Series(loss).groupby(np.arange(len(loss)) // 4).mean()
        np.testing.assert_allclose(means.loc[means["rate"] == run.lr, "loss"], each, rtol=1e-12)
    assert lines.groupby("rate")["label"].sum().tolist() == [1, 1, 1]


def test_each_runs_loss_is_drawn_within_the_band_on_request(open_page):
    page = open_page()
    chart = page.locator("[data-chart=band-landscape]")
    edges = chart.locator("svg .mark-line path").count()
    box = chart.locator("[data-parameter=lines] input")
    box.check()
    page.wait_for_timeout(300)
    assert chart.locator("svg .mark-line path").count() == edges + 4
    rates = chart.locator("svg .mark-text text").all_text_contents()
    assert {"0.001", "0.002"} <= set(rates)
    chart.locator("[data-parameter=models] input").first.uncheck()
    page.wait_for_timeout(300)
    assert chart.locator("svg .mark-line path").count() == (edges + 4) / 2
    box.uncheck()
    page.wait_for_timeout(300)
    assert chart.locator("svg .mark-line path").count() == edges / 2


def test_runs_can_be_taken_out_of_a_chart_and_the_axis_be_logarithmic(open_page):
    page = open_page()
    chart = page.locator("[data-chart=loss-landscape]")

    def lines() -> int:
        return chart.locator("svg .mark-line path").count()

    before = lines()
    chart.locator("[data-parameter=series] input").first.uncheck()
    page.wait_for_timeout(200)
    assert lines() == before - 2  # training and validation
    scale = "() => views['loss-landscape'].scale('y').type"
    assert page.evaluate(scale) == "linear"
    chart.locator("[data-log]").check()
    page.wait_for_function(f"{scale[6:]} === 'log'")
    page.wait_for_timeout(200)
    assert lines() == before - 2


def test_a_heading_sorts_its_column(open_page):
    page = open_page()
    table = page.locator("#table-comparison table")
    heading = table.locator("th", has_text="Parameters")

    def cells() -> list[int]:
        place = heading.evaluate("one => one.cellIndex")
        texts = table.locator("tbody tr").evaluate_all(
            "(rows, place) => rows.map(row => row.cells[place].textContent)", place
        )
        return [int(text.replace(",", "")) for text in texts]

    unsorted = cells()
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert cells() == sorted(unsorted)
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert cells() == sorted(unsorted, reverse=True)


def test_every_figure_says_how_it_was_made(open_page):
    page = open_page()
    articles = page.locator("article")
    made = page.locator("article details.made")
    assert articles.count() == made.count() > 20
    text = made.first.inner_text()
    assert made.evaluate_all("all => all.every(one => /snakemake --cores/.test(one.textContent))")
    page.locator("#chart-band-landscape details.made summary").click()
    text = page.locator("#chart-band-landscape details.made").inner_text()
    assert "results/tiny/figures/landscape/landscape.png" in text
    assert "landscape/VGG_A/lr=0.001/seed=0: " in text


def luminance(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(", "))) / 765


def test_the_dark(open_page):
    page = open_page(scheme="dark")
    assert luminance(page) < 0.2
    page.select_option("#theme", "light")
    assert luminance(page) > 0.9
    assert luminance(open_page(scheme="light")) > 0.9


def test_a_phone_need_not_scroll_sideways(open_page):
    page = open_page(width=375)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    widths = page.locator("svg.marks").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().width)"
    )
    assert max(widths) <= 375


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_in_the_way_of_assistive_technology(open_page, scheme):
    page = open_page(scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], node["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert serious == []
