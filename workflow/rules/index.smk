# Before figures and tables the indices: which runs there are, and a digest of what is shown of each.


rule index:
    input:
        records,
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
