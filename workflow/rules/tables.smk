# Tables: functions of index, run.json, epochs.parquet and predictions.parquet.
# Before them the indices: which runs there are, and a digest of what is shown of each.
TABLE_MODULES = {
    "comparison": "pj2.tables.comparison",
    "summary": "pj2.tables.summary",
    "per_class_accuracy": "pj2.tables.per_class",
    "confused_pairs": "pj2.tables.per_class",
    "calibration": "pj2.tables.calibration",
    "efficiency": "pj2.tables.efficiency",
}


rule index:
    input:
        records,
    output:
        INDEX,
    log:
        f"{RESULTS}/logs/index/{{experiment}}/{{model}}.log",
    conda:
        "../envs/pj2.yaml"
    params:
        index=index_json,
    script:
        "../scripts/write_index.py"


rule study_table:
    input:
        index=of_cells(INDEX, cells()),
        runs=runs_of(cells()),
    output:
        table(
            f"{RESULTS}/tables/{{table}}",
            caption="study_table",
            topic="Tables",
            result="Table: {table}",
        ),
    log:
        f"{RESULTS}/logs/tables/{{table}}.log",
    wildcard_constraints:
        table="|".join(TABLE_MODULES),
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        stem=stem_of_output,
        command=lambda wildcards: wildcards.table.replace("_", "-"),
        code=lambda wildcards: code_of(TABLE_MODULES[wildcards.table]).digest,
    shell:
        "python -m pj2 table {params.command} {input.index} --output {params.stem} > {log} 2>&1"


rule comparison_table:
    input:
        expand(
            f"{RESULTS}/tables/{{table}}.{{ending}}",
            table=TABLE_MODULES,
            ending=TABLE_FORMATS,
        ),
