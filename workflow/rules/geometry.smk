# The loss around trained weights: surfaces, lines and curvature, for the experiments whose config
# has these sections.


# The three measurements below are this rule with another command.
rule surface_rows:
    input:
        **to_measure(f"{GEOMETRY}/surface/first={{first}}.parquet"),
    output:
        **with_sums(f"{GEOMETRY}/surface/first={{first}}.parquet"),
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
        "--settings {params.settings:q} --output {output.files} --sums {output.sums} --device {resources.device} "
        "--gpus {resources.gpu_choice} --runs-per-gpu {resources.runs_per_gpu} --threads {threads} > {log} 2>&1"


rule surface:
    input:
        as_made(f"{GEOMETRY}/surface.parquet"),
        surface_parts,
    output:
        **with_sums(f"{GEOMETRY}/surface.parquet"),
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/surface.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        code=code_of("pj2.exhibits.measured").digest,
    shell:
        "python -m pj2 geometry gather-surface {input} --output {output.files} --sums {output.sums} > {log} 2>&1"


use rule surface_rows as surface_line with:
    input:
        **to_measure(f"{GEOMETRY}/line.parquet"),
    output:
        **with_sums(f"{GEOMETRY}/line.parquet"),
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/line.log",
    params:
        command="surface-line",
        settings=section("surface"),
        code=code_with_model("pj2.evaluation.surface"),
        data=data_folder,


use rule surface_rows as interpolation with:
    input:
        **to_measure(f"{GEOMETRY}/interpolation.parquet"),
    output:
        **with_sums(f"{GEOMETRY}/interpolation.parquet"),
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/interpolation.log",
    params:
        command="interpolation",
        settings=section("surface"),
        code=code_with_model("pj2.evaluation.surface"),
        data=data_folder,


use rule surface_rows as hessian with:
    input:
        **to_measure(f"{GEOMETRY}/curvature.json"),
    output:
        **with_sums(f"{GEOMETRY}/curvature.json"),
    log:
        f"{RESULTS}/logs/geometry/{{experiment}}/{{model}}/curvature.log",
    params:
        command="curvature",
        settings=section("curvature"),
        code=code_with_model("pj2.evaluation.curvature"),
        data=data_folder,
