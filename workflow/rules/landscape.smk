# The min/max band of the training loss over learning rates, with its numbers.


rule landscape_band:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
    output:
        f"{RESULTS}/landscape/{{experiment}}.parquet",
    log:
        f"{RESULTS}/logs/landscape/{{experiment}}.band.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        code=code_of("pj2.analysis.band").digest,
    shell:
        "python -m pj2 band {input.index} --output {output} > {log} 2>&1"


rule landscape_figure:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
        band=rules.landscape_band.output,
    output:
        figure(
            f"{RESULTS}/figures/landscape/{{experiment}}",
            caption="landscape",
            topic="Loss landscape",
            result="Bands of the training loss",
        ),
    log:
        f"{RESULTS}/logs/landscape/{{experiment}}.figure.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.landscape"),
    shell:
        "python -m pj2 figure --language {params.language} landscape {input.index} --band {input.band} "
        "--output {params.stem} > {log} 2>&1"


rule landscape_table:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
        band=rules.landscape_band.output,
    output:
        table(
            f"{RESULTS}/tables/landscape/{{experiment}}",
            caption="landscape",
            topic="Loss landscape",
            result="Widths of the bands",
        ),
    log:
        f"{RESULTS}/logs/landscape/{{experiment}}.table.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.tables.landscape"),
    shell:
        "python -m pj2 table --language {params.language} landscape {input.index} --band {input.band} "
        "--output {params.stem} > {log} 2>&1"


rule landscape_plot:
    input:
        expand(f"{RESULTS}/figures/landscape/{{experiment}}.png", experiment=LANDSCAPES),
        expand(f"{RESULTS}/tables/landscape/{{experiment}}.md", experiment=LANDSCAPES),
