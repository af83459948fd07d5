# Figures of one model, of one experiment and of the study.


rule confusion_matrix:
    input:
        index=INDEX,
        runs=lambda wildcards: runs_of(cell_of(wildcards)),
    output:
        figure(
            f"{RESULTS}/figures/confusion_matrices/{{experiment}}/{{model}}",
            caption="confusion_matrix",
            topic="Mistakes and confidence",
            result="Confusion matrix",
            model="{model}",
        ),
    log:
        f"{RESULTS}/logs/figures/confusion_matrices/{{experiment}}/{{model}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.confusion"),
    shell:
        "python -m pj2 figure --language {params.language} confusion {input.index} --output {params.stem} > {log} 2>&1"


rule filter_grid:
    input:
        index=INDEX,
        runs=lambda wildcards: runs_of(cell_of(wildcards)),
    output:
        figure(
            f"{RESULTS}/figures/filter_grids/{{experiment}}/{{model}}",
            caption="filter_grid",
            topic="Training",
            result="First-layer filters",
            model="{model}",
        ),
    log:
        f"{RESULTS}/logs/figures/filter_grids/{{experiment}}/{{model}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.filters"),
    shell:
        "python -m pj2 figure --language {params.language} filters {input.index} --output {params.stem} > {log} 2>&1"


rule model_curves:
    input:
        index=INDEX,
        runs=lambda wildcards: runs_of(cell_of(wildcards)),
    output:
        figure(
            f"{RESULTS}/figures/training_curves/{{experiment}}/{{model}}",
            caption="curves",
            topic="Training",
            result="Training curves",
            model="{model}",
        ),
    log:
        f"{RESULTS}/logs/figures/training_curves/{{experiment}}/{{model}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.curves"),
    shell:
        "python -m pj2 figure --language {params.language} curves {input.index} --output {params.stem} > {log} 2>&1"


rule experiment_curves:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
    output:
        figure(
            f"{RESULTS}/figures/training_curves/{{experiment}}",
            caption="curves",
            topic="Training",
            result="Training curves",
            model="all",
        ),
    log:
        f"{RESULTS}/logs/figures/training_curves/{{experiment}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.curves"),
    shell:
        "python -m pj2 figure --language {params.language} curves {input.index} --output {params.stem} > {log} 2>&1"


rule study_curves:
    input:
        index=of_cells(INDEX, cells()),
        runs=runs_of(cells()),
    output:
        figure(
            f"{RESULTS}/figures/all_models",
            caption="curves",
            topic="Training",
            result="Training curves of every model",
        ),
    log:
        f"{RESULTS}/logs/figures/all_models.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.curves"),
    shell:
        "python -m pj2 figure --language {params.language} all-models {input.index} --output {params.stem} > {log} 2>&1"


rule confusion_matrices:
    input:
        of_cells(f"{RESULTS}/figures/confusion_matrices/{{experiment}}/{{model}}.png", cells()),


rule filter_grids:
    input:
        of_cells(f"{RESULTS}/figures/filter_grids/{{experiment}}/{{model}}.png", cells()),


rule training_curves:
    input:
        f"{RESULTS}/figures/all_models.png",
        expand(f"{RESULTS}/figures/training_curves/{{experiment}}.png", experiment=STUDY.experiments),
        of_cells(f"{RESULTS}/figures/training_curves/{{experiment}}/{{model}}.png", cells()),
