# What may be said of differences: pairs of models, factors of variants, calibration,
# mistakes, and the published figures beside these.
PUBLISHED = str(CHECKOUT / "workflow" / "published.yaml")
EXPERIMENT_TABLES = {"pairwise": "pj2.tables.pairwise", "factors": "pj2.tables.factors"}
EXPERIMENT_FIGURES = {
    "reliability": "pj2.figures.reliability",
    "differences": "pj2.figures.differences",
    "factors": "pj2.figures.factors",
}
EXPERIMENT_TOPICS = {
    "reliability": "Mistakes and confidence",
    "differences": "Test accuracy",
    "factors": "Test accuracy",
}


rule experiment_table:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
    output:
        table(
            f"{RESULTS}/tables/{{table}}/{{experiment}}",
            caption="experiment_table",
            topic="Test accuracy",
            result="Table: {table}",
        ),
    log:
        f"{RESULTS}/logs/tables/{{table}}/{{experiment}}.log",
    wildcard_constraints:
        table="|".join(EXPERIMENT_TABLES),
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        code=lambda wildcards: code_of(EXPERIMENT_TABLES[wildcards.table]).digest,
    shell:
        "python -m pj2 table {wildcards.table} {input.index} --output {params.stem} > {log} 2>&1"


rule experiment_figure:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
    output:
        figure(
            f"{RESULTS}/figures/{{figure}}/{{experiment}}",
            caption="experiment_figure",
            topic=lambda wildcards: EXPERIMENT_TOPICS[wildcards.figure],
            result="Figure: {figure}",
        ),
    log:
        f"{RESULTS}/logs/figures/{{figure}}/{{experiment}}.log",
    wildcard_constraints:
        figure="|".join(EXPERIMENT_FIGURES),
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=lambda wildcards: figure_code(EXPERIMENT_FIGURES[wildcards.figure]),
    shell:
        "python -m pj2 figure --language {params.language} {wildcards.figure} {input.index} --output {params.stem} > {log} 2>&1"


rule mistake_grid:
    input:
        index=INDEX,
        runs=lambda wildcards: runs_of(cell_of(wildcards)),
        info=ancient(INFO),
        images=ancient(IMAGES),
    output:
        figure(
            f"{RESULTS}/figures/mistakes/{{experiment}}/{{model}}",
            caption="mistakes",
            topic="Mistakes and confidence",
            result="Most confident mistakes",
            model="{model}",
        ),
    log:
        f"{RESULTS}/logs/figures/mistakes/{{experiment}}/{{model}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        data=data_folder,
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.mistakes"),
    shell:
        "python -m pj2 figure --language {params.language} mistakes {input.index} --data {params.data} "
        "--output {params.stem} > {log} 2>&1"


rule efficiency_figure:
    input:
        index=of_cells(INDEX, cells()),
        runs=runs_of(cells()),
    output:
        figure(
            f"{RESULTS}/figures/efficiency",
            caption="efficiency",
            topic="Test accuracy",
            result="Accuracy and its cost",
        ),
    log:
        f"{RESULTS}/logs/figures/efficiency.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.efficiency"),
    shell:
        "python -m pj2 figure --language {params.language} efficiency {input.index} --output {params.stem} > {log} 2>&1"


rule published_table:
    input:
        claims=local(PUBLISHED),
        index=of_cells(INDEX, cells()),
        runs=runs_of(cells()),
    output:
        table(
            f"{RESULTS}/tables/published",
            caption="published",
            topic="Tables",
            result="Beside the published report",
        ),
    log:
        f"{RESULTS}/logs/tables/published.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        code=code_of("pj2.tables.published").digest,
    shell:
        "python -m pj2 table published {input.index} --claims {input.claims} "
        "--output {params.stem} > {log} 2>&1"


rule pairwise:
    input:
        expand(f"{RESULTS}/tables/pairwise/{{experiment}}.md", experiment=COMPARED),
        expand(f"{RESULTS}/figures/differences/{{experiment}}.png", experiment=COMPARED),


rule ablations:
    input:
        expand(f"{RESULTS}/tables/factors/{{experiment}}.md", experiment=VARIED),
        expand(f"{RESULTS}/figures/factors/{{experiment}}.png", experiment=VARIED),


rule calibration:
    input:
        f"{RESULTS}/tables/calibration.md",
        expand(f"{RESULTS}/figures/reliability/{{experiment}}.png", experiment=STUDY.experiments),


rule mistakes:
    input:
        of_cells(f"{RESULTS}/figures/mistakes/{{experiment}}/{{model}}.png", cells()),


rule efficiency:
    input:
        f"{RESULTS}/tables/efficiency.md",
        f"{RESULTS}/figures/efficiency.png",


rule published_report:
    input:
        f"{RESULTS}/tables/published.md",
