# Before figures and tables the indices: which runs there are, and a digest of what is shown of each.


rule index:
    input:
        artifacts("run.json"),
    output:
        INDEX,
    log:
        f"{RESULTS}/logs/index/{{experiment}}/{{model}}.log",
    localrule: True
    conda:
        "../envs/pj2.yaml"
    params:
        index=index_json,
    script:
        "../scripts/write_index.py"


rule index_predictions:
    input:
        artifacts("evaluation.json"),
    output:
        PREDICTED,
    log:
        f"{RESULTS}/logs/index/{{experiment}}/{{model}}.predictions.log",
    localrule: True
    conda:
        "../envs/pj2.yaml"
    script:
        "../scripts/index_predictions.py"
