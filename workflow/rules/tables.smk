# Tables: functions of index, run.json, epochs.parquet and predictions.parquet.
import json

TABLE_FORMATS = ["csv", "md", "tex"]


def index_json(wildcards):
    runs = CELLS[wildcards.experiment, wildcards.model]
    entries = [
        {**run.wildcards, "seed": run.settings.seed, "folder": f"{RESULTS}/runs/{run.folder}"}
        for run in runs
    ]
    return json.dumps(
        {
            "study": STUDY.study,
            "experiment": wildcards.experiment,
            "model": wildcards.model,
            "runs": entries,
        },
        indent=2,
    )


rule index:
    output:
        INDEX,
    params:
        index=index_json,
    log:
        f"{RESULTS}/logs/index/{{experiment}}/{{model}}.log",
    script:
        "../scripts/write_index.py"


rule study_table:
    input:
        index=of_cells(INDEX, cells()),
        runs=of_runs("run.json", cells()),
        predictions=of_runs("predictions.parquet", cells()),
    output:
        formats(f"{RESULTS}/tables/{{table}}", TABLE_FORMATS),
    wildcard_constraints:
        table="comparison|per_class_accuracy|confused_pairs",
    params:
        stem=f"{RESULTS}/tables/{{table}}",
        command=lambda wildcards: wildcards.table.replace("_", "-"),
    log:
        f"{RESULTS}/logs/tables/{{table}}.log",
    conda:
        "../envs/pj2.yaml"
    shell:
        "{sys.executable} -m pj2 table {params.command} {input.index} --output {params.stem} > {log} 2>&1"


rule comparison_table:
    input:
        expand(
            f"{RESULTS}/tables/{{table}}.{{ending}}",
            table=["comparison", "per_class_accuracy", "confused_pairs"],
            ending=TABLE_FORMATS,
        ),
