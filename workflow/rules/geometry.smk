# The loss around the training path and around trained weights: probes, surfaces,
# lines and curvature, for the experiments that ask for them.


# Each of the four measurements below is this rule with another command.
rule surface_rows:
    input:
        index=INDEX,
        runs=lambda wildcards: runs_of(cell_of(wildcards)),
        info=ancient(INFO),
        images=ancient(IMAGES),
    output:
        f"{GEOMETRY}/surface/first={{first}}.parquet",
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/surface.{{first}}.log",
    wildcard_constraints:
        first=r"\d+",
    conda:
        "../envs/pj2.yaml"
    threads: STUDY.threads
    resources:
        **NEEDS["measure"],
        device=STUDY.device,
        gpu_choice=GPU_CHOICE,
        runs_per_gpu=STUDY.runs_per_gpu,
        gpu_slot=1 if GPUS else 0,
    params:
        command=lambda wildcards: f"surface-rows --first {wildcards.first}",
        settings=section("surface"),
        code=code_with_model("pj2.evaluation.surface"),
        data=data_folder,
    shell:
        "python -m pj2 geometry {params.command} {input.index} --data {params.data} "
        "--settings {params.settings:q} --output {output} --device {resources.device} "
        "--gpus {resources.gpu_choice} --runs-per-gpu {resources.runs_per_gpu} --threads {threads} > {log} 2>&1"


rule surface:
    input:
        surface_parts,
    output:
        f"{GEOMETRY}/surface.parquet",
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/surface.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        code=code_of("pj2.analysis.geometry").digest,
    shell:
        "python -m pj2 geometry gather-surface {input} --output {output} > {log} 2>&1"


use rule surface_rows as surface_line with:
    output:
        f"{GEOMETRY}/line.parquet",
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/line.log",
    params:
        command="surface-line",
        settings=section("surface"),
        code=code_with_model("pj2.evaluation.surface"),
        data=data_folder,


use rule surface_rows as interpolation with:
    output:
        f"{GEOMETRY}/interpolation.parquet",
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/interpolation.log",
    params:
        command="interpolation",
        settings=section("surface"),
        code=code_with_model("pj2.evaluation.surface"),
        data=data_folder,


use rule surface_rows as hessian with:
    output:
        f"{GEOMETRY}/curvature.json",
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/curvature.log",
    params:
        command="curvature",
        settings=section("curvature"),
        code=code_with_model("pj2.evaluation.curvature"),
        data=data_folder,


rule probe_figure:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
    output:
        figure(
            f"{RESULTS}/figures/gradient_probes/{{experiment}}",
            caption="probes",
            topic="Loss landscape",
            result="The loss along the step",
        ),
    log:
        f"{RESULTS}/logs/figures/gradient_probes/{{experiment}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        command="probes",
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.probes"),
    shell:
        "python -m pj2 figure --language {params.language} {params.command} {input.index} --output {params.stem} > {log} 2>&1"


use rule probe_figure as covariate_shift_figure with:
    output:
        figure(
            f"{RESULTS}/figures/covariate_shift/{{experiment}}",
            caption="covariate_shift",
            topic="Loss landscape",
            result="Internal covariate shift",
        ),
    log:
        f"{RESULTS}/logs/figures/covariate_shift/{{experiment}}.log",
    params:
        command="covariate-shift",
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.covariate_shift"),


rule probe_table:
    input:
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
    output:
        table(
            f"{RESULTS}/tables/{{table}}/{{experiment}}",
            caption="probes",
            topic="Loss landscape",
            result="Table: {table}",
        ),
    log:
        f"{RESULTS}/logs/tables/{{table}}/{{experiment}}.log",
    wildcard_constraints:
        table="gradient_probes|probe_ratios",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        command=lambda wildcards: wildcards.table.replace("_", "-"),
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.tables.probes"),
    shell:
        "python -m pj2 table --language {params.language} {params.command} {input.index} --output {params.stem} > {log} 2>&1"


rule surface_figure:
    input:
        measured("surface.parquet"),
    output:
        figure(
            f"{RESULTS}/figures/loss_surfaces/{{experiment}}",
            caption="surfaces",
            topic="Loss landscape",
            result="Loss surfaces",
        ),
    log:
        f"{RESULTS}/logs/figures/loss_surfaces/{{experiment}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.surfaces"),
    shell:
        "python -m pj2 figure --language {params.language} surfaces {input} --output {params.stem} > {log} 2>&1"


rule surface_view:
    input:
        measured("surface.parquet"),
    output:
        in_report(
            f"{RESULTS}/figures/loss_surfaces/{{experiment}}.html",
            caption="surface_view",
            topic="Loss landscape",
            result="Loss surfaces, to turn",
        ),
    log:
        f"{RESULTS}/logs/figures/loss_surfaces/{{experiment}}.html.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        language=LANGUAGE,
        code=figure_code("pj2.figures.surface_view"),
    shell:
        "python -m pj2 figure --language {params.language} surface-view {input} --output {output} > {log} 2>&1"


rule line_figure:
    input:
        lines=measured("line.parquet"),
        between=interpolations,
    output:
        figure(
            f"{RESULTS}/figures/loss_lines/{{experiment}}",
            caption="lines",
            topic="Loss landscape",
            result="The loss on straight lines",
        ),
    log:
        f"{RESULTS}/logs/figures/loss_lines/{{experiment}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        between=lambda wildcards, input: [f"--between {path}" for path in input.between],
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.surfaces"),
    shell:
        "python -m pj2 figure --language {params.language} lines {input.lines} {params.between} --output {params.stem} > {log} 2>&1"


rule curvature_figure:
    input:
        measured("curvature.json"),
    output:
        figure(
            f"{RESULTS}/figures/curvature/{{experiment}}",
            caption="curvature",
            topic="Loss landscape",
            result="Spectrum of the Hessian",
        ),
    log:
        f"{RESULTS}/logs/figures/curvature/{{experiment}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.figures.curvature"),
    shell:
        "python -m pj2 figure --language {params.language} curvature {input} --output {params.stem} > {log} 2>&1"


rule curvature_table:
    input:
        measured("curvature.json"),
    output:
        table(
            f"{RESULTS}/tables/curvature/{{experiment}}",
            caption="curvature",
            topic="Loss landscape",
            result="Eigenvalues and trace of the Hessian",
        ),
    log:
        f"{RESULTS}/logs/tables/curvature/{{experiment}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        language=LANGUAGE,
        code=figure_code("pj2.tables.curvature"),
    shell:
        "python -m pj2 table --language {params.language} curvature {input} --output {params.stem} > {log} 2>&1"


rule gradient_probes:
    input:
        expand(f"{RESULTS}/figures/gradient_probes/{{experiment}}.png", experiment=PROBED),
        expand(f"{RESULTS}/figures/covariate_shift/{{experiment}}.png", experiment=SHIFTED),
        expand(
            f"{RESULTS}/tables/{{table}}/{{experiment}}.md",
            table=["gradient_probes", "probe_ratios"],
            experiment=PROBED,
        ),


rule loss_surfaces:
    input:
        expand(f"{RESULTS}/figures/loss_surfaces/{{experiment}}.png", experiment=SURFACED),
        expand(f"{RESULTS}/figures/loss_surfaces/{{experiment}}.html", experiment=SURFACED),
        expand(f"{RESULTS}/figures/loss_lines/{{experiment}}.png", experiment=SURFACED),


rule curvature:
    input:
        expand(f"{RESULTS}/figures/curvature/{{experiment}}.png", experiment=CURVED),
        expand(f"{RESULTS}/tables/curvature/{{experiment}}.md", experiment=CURVED),
