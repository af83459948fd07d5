# The indices that figures and tables read: the runs of a pair, with a digest of each record.


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
