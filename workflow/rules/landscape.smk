# The min/max band of the training loss over learning rates, with its numbers.


rule landscape_band:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: of_runs("run.json", cells_of(wildcards)),
    output:
        f"{RESULTS}/landscape/{{experiment}}.parquet",
    log:
        f"{RESULTS}/logs/landscape/{{experiment}}.band.log",
    conda:
        "../envs/pj2.yaml"
    params:
        code=code_of("pj2.analysis.band").digest,
    shell:
        "python -m pj2 band {input.index} --output {output} > {log} 2>&1"


rule landscape_figure:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: of_runs("run.json", cells_of(wildcards)),
        band=rules.landscape_band.output,
    output:
        formats(f"{RESULTS}/figures/landscape/{{experiment}}", FIGURE_FORMATS),
    log:
        f"{RESULTS}/logs/landscape/{{experiment}}.figure.log",
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        code=code_of("pj2.figures.landscape").digest,
    shell:
        "python -m pj2 figure landscape {input.index} --band {input.band} "
        "--output {params.stem} > {log} 2>&1"


rule landscape_table:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: of_runs("run.json", cells_of(wildcards)),
        band=rules.landscape_band.output,
    output:
        formats(f"{RESULTS}/tables/landscape/{{experiment}}", TABLE_FORMATS),
    log:
        f"{RESULTS}/logs/landscape/{{experiment}}.table.log",
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        code=code_of("pj2.tables.landscape").digest,
    shell:
        "python -m pj2 table landscape {input.index} --band {input.band} "
        "--output {params.stem} > {log} 2>&1"


rule landscape_plot:
    input:
        expand(f"{RESULTS}/figures/landscape/{{experiment}}.png", experiment=LANDSCAPES),
        expand(f"{RESULTS}/tables/landscape/{{experiment}}.md", experiment=LANDSCAPES),
