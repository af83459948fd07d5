# Decode the data set once; every training job maps the same file.
import hashlib

DATASET_JSON = STUDY.dataset.model_dump_json()
DATA = "results/data/{}-{}-{}".format(
    STUDY.dataset.name,
    STUDY.dataset.source,
    hashlib.sha256(DATASET_JSON.encode()).hexdigest()[:8],
)


rule prepare_data:
    input:
        DATASET_FILES,
    output:
        images=f"{DATA}/dataset.safetensors",
        info=f"{DATA}/dataset.json",
    log:
        f"{RESULTS}/logs/prepare_data.log",
    conda:
        "../envs/pj2.yaml"
    params:
        dataset=DATASET_JSON,
        folder=lambda wildcards, output: os.path.dirname(output.info),
    shell:
        "python -m pj2 prepare --dataset {params.dataset:q} --output {params.folder} 2>&1 | tee {log}"
