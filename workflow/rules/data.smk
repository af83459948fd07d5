# Decode the data set once; every training job maps the same file.


rule prepare_data:
    input:
        checked_source,
    output:
        images=IMAGES,
        info=INFO,
    log:
        f"{RESULTS}/logs/prepare_data.log",
    conda:
        "../envs/pj2.yaml"
    resources:
        **NEEDS["prepare"],
    params:
        dataset=lambda wildcards: DATASET_JSON,  # as it is: a path in it may hold braces
        code=code_of("pj2.data.prepare").digest,
        source=source_behind_storage,
        folder=lambda wildcards, output: os.path.dirname(output.info),
        # It takes `output`, so that Snakemake runs no job again where it changes.
        fractions=lambda wildcards, output: [f"--validation-fraction {each}" for each in VALIDATION_FRACTIONS],
    shell:
        "python -m pj2 prepare --dataset {params.dataset:q} --output {params.folder} {params.fractions} "
        "2>&1 | tee {log}"
