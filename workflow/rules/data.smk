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
        dataset=lambda wildcards: DATASET_JSON,  # a function, since its paths may contain braces
        code=code_of("pj2.data.prepare").digest,
        source=source_behind_storage,
        folder=lambda wildcards, output: os.path.dirname(output.info),
        # The parameter `output` keeps Snakemake from running the job again if this changes.
        fractions=lambda wildcards, output: [f"--validation-fraction {each}" for each in VALIDATION_FRACTIONS],
    shell:
        "python -m pj2 prepare --dataset {params.dataset:q} --output {params.folder} {params.fractions} "
        "2>&1 | tee {log}"
