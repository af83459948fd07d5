# Decode the data set once; every training job maps the same file.
from pj2.data.layout import prepared_folder

DATASET_JSON = STUDY.dataset.model_dump_json()
DATA = prepared_folder(STUDY.dataset)
# Named here, since ancient() would mark `rules.prepare_data.output.info` for every rule.
IMAGES, INFO = f"{DATA}/dataset.safetensors", f"{DATA}/dataset.json"


rule prepare_data:
    input:
        map(local, DATASET_FILES),  # wherever Snakemake is told to keep the results
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
        dataset=DATASET_JSON,
        code=code_of("pj2.data.prepare").digest,
        folder=lambda wildcards, output: os.path.dirname(output.info),
    shell:
        "python -m pj2 prepare --dataset {params.dataset:q} --output {params.folder} 2>&1 | tee {log}"
