# The report: every table and figure of the study on one page.
REPORT = f"{RESULTS}/report.html"

# The page is more than Python: its words' places, looks and scripts count as code.
TEMPLATES = sorted((CHECKOUT / "pj2" / "report" / "templates").iterdir())


# Whoever ran the pipeline is told where to look, in its last line.
if workflow.is_main_process:
    atexit.register(tell_report, REPORT)

# What it shows, by the folder of its files: a model's, an experiment's, or the study's own.
WHOLE_STUDY = [()]
REPORTED_FIGURES = {
    "training_curves": keys(STUDY.experiments),
    "confusion_matrices": cells(),
    "filter_grids": cells(),
    "mistakes": cells(),
    "reliability": keys(STUDY.experiments),
    "differences": keys(COMPARED),
    "factors": keys(VARIED),
    "efficiency": WHOLE_STUDY,
    "landscape": keys(LANDSCAPES),
    "gradient_probes": keys(PROBED),
    "covariate_shift": keys(SHIFTED),
    "loss_surfaces": keys(SURFACED),
    "loss_lines": keys(SURFACED),
    "curvature": keys(CURVED),
}
REPORTED_TABLES = {
    "comparison": WHOLE_STUDY,
    "summary": WHOLE_STUDY,
    "published": WHOLE_STUDY,
    "efficiency": WHOLE_STUDY,
    "calibration": WHOLE_STUDY,
    "confused_pairs": WHOLE_STUDY,
    "pairwise": keys(COMPARED),
    "factors": keys(VARIED),
    "landscape": keys(LANDSCAPES),
    "probe_ratios": keys(PROBED),
    "curvature": keys(CURVED),
}


rule report_contents:
    output:
        f"{RESULTS}/index/report.json",
    log:
        f"{RESULTS}/logs/index/report.log",
    conda:
        "../envs/pj2.yaml"
    params:
        contents=json.dumps(
            {
                "results": os.path.relpath(RESULTS, f"{RESULTS}/index"),
                "data": os.path.relpath(DATA, f"{RESULTS}/index"),
                "configfile": CONFIGFILE,
                "config": STUDY.model_dump(mode="json", include={"study", "dataset", "experiments"}),
                "figures": REPORTED_FIGURES,
                "tables": REPORTED_TABLES,
            },
            indent=2,
        ),
    script:
        "../scripts/write_contents.py"


rule report:
    input:
        contents=rules.report_contents.output,
        index=of_cells(INDEX, cells()),
        runs=runs_of(cells()),
        figures=reported("figures", REPORTED_FIGURES, "png"),
        tables=reported("tables", REPORTED_TABLES, "md"),
        info=ancient(INFO),
    output:
        in_report(REPORT, caption="page", topic="Everything on one page", result="The report"),
    log:
        f"{RESULTS}/logs/report.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        language=LANGUAGE,
        code=figure_code("pj2.report.page"),
        templates=[sha256_file(path) for path in TEMPLATES],
    shell:
        "python -m pj2 report {input.index} --contents {input.contents} --language {params.language} "
        "--output {output} > {log} 2>&1"
