# Decode the data set once; every training job maps the same file.
from pj2.data.changes import is_outdated, source_digest
from pj2.data.layout import prepared_folder

DATASET_JSON = STUDY.dataset.model_dump_json()
DATA = prepared_folder(STUDY.dataset)
# Named here, since ancient() would mark `rules.prepare_data.output.info` for every rule.
IMAGES, INFO = f"{DATA}/dataset.safetensors", f"{DATA}/dataset.json"


def checked_source(wildcards):
    """No files, but the data are prepared again if those that they come from hold something else.

    As inputs they would be compared by their times, which a file that takes another's place may
    share, and a brace in a name would begin a wildcard.
    """
    if not PLANNING:
        return []
    try:
        outdated = is_outdated(DATA, STUDY.dataset)
    except UserError as error:
        exit_with(error)
    if outdated:
        print(f"{DATA}: the files that it was made from changed", file=sys.stderr, flush=True)
        make_again(INFO)
    return []


def source_behind_storage(wildcards):
    """What the data come from, for Snakemake to compare where no description of them lies here."""
    return source_digest(STUDY.dataset) if IN_STORAGE else None


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
    shell:
        "python -m pj2 prepare --dataset {params.dataset:q} --output {params.folder} 2>&1 | tee {log}"
