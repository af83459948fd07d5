# The report: every table and figure of the study on one page, and its findings as text.
REPORT = f"{RESULTS}/report.html"
FINDINGS = f"{RESULTS}/findings.md"

# The page's templates, styles and scripts count as code too.
TEMPLATES = sorted((CHECKOUT / "pj2" / "report" / "templates").iterdir())


# The pipeline's last lines are the findings and the path of the report.
if PLANNING:
    atexit.register(tell_report, REPORT, FINDINGS)

PAGE = on_page(STUDY, RUNS)
CHARTS = sorted({each.chart.partition(":")[0] for each in exhibits("figure").values() if each.chart})


CONTENTS = json.dumps(
    {
        "results": os.path.relpath(RESULTS, f"{RESULTS}/index"),
        "data": os.path.relpath(DATA, f"{RESULTS}/index"),
        "configfile": CONFIGFILE,
        "config": STUDY.model_dump(mode="json", include={"study", "dataset", "experiments"}),
        "figures": PAGE["figure"],
        "tables": PAGE["table"],
    },
    indent=2,
)


rule report_contents:
    input:
        as_listed,
    output:
        f"{RESULTS}/index/report.json",
    log:
        f"{RESULTS}/logs/index/report.log",
    localrule: True
    conda:
        "../envs/pj2.yaml"
    params:
        contents=CONTENTS,
    script:
        "../scripts/write_contents.py"


rule report:
    input:
        as_made(REPORT, FINDINGS),
        contents=rules.report_contents.output,
        index=of_cells(INDEX, CELLS),
        runs=runs_of(CELLS),
        figures=shown_on_page("figure", "png"),
        tables=shown_on_page("table", "json"),
        sums=[*sums_on_page("figure"), *sums_on_page("table")],
        info=ancient(INFO),
    output:
        **with_sums(
            report(
                REPORT,
                caption="../report/page.rst",
                category="The whole study",
                subcategory="Everything on one page",
                labels={"result": "The report"},
            ),
            FINDINGS,
        ),
    log:
        f"{RESULTS}/logs/report.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        language=LANGUAGE,
        code=[code_of("pj2.report.page", *CHARTS).digest, *WORDS],
        templates=[sha256_file(path) for path in TEMPLATES],
    shell:
        "python -m pj2 report {input.index} --contents {input.contents} --language {params.language} "
        "--output {output.files[0]} --findings {output.files[1]} --sums {output.sums} > {log} 2>&1"
