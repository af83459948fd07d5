# Decode the data set once; every training job maps the same file.
from pj2.data.changes import is_outdated, source_digest
from pj2.data.layout import prepared_folder, read_info
from pj2.data.shares import check_class_sizes

DATASET_JSON = STUDY.dataset.model_dump_json()
DATA = prepared_folder(STUDY.dataset)
# Named here, since ancient() would mark `rules.prepare_data.output.info` for every rule.
IMAGES, INFO = f"{DATA}/dataset.safetensors", f"{DATA}/dataset.json"
# A class that is too small for one of them is refused before anything trains.
VALIDATION_FRACTIONS = sorted({run.settings.validation_fraction for run in RUNS})


def checked_source(wildcards):
    """No files, but the data are prepared again if those that they come from hold something else.

    As inputs they would be compared by their times, which a file that takes another's place may
    share, and a brace in a name would begin a wildcard. Of data that are current, the sizes of the
    classes are checked.
    """
    if not PLANNING:
        return []
    try:
        if is_outdated(DATA, STUDY.dataset):
            print(f"{DATA}: the files that it was made from changed", file=sys.stderr, flush=True)
            make_again(INFO)
        elif Path(INFO).exists():
            check_class_sizes(read_info(DATA), VALIDATION_FRACTIONS)
    except UserError as error:
        exit_with(error)
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
        # It takes `output`, so that Snakemake runs no job again where it changes.
        fractions=lambda wildcards, output: [f"--validation-fraction {each}" for each in VALIDATION_FRACTIONS],
    shell:
        "python -m pj2 prepare --dataset {params.dataset:q} --output {params.folder} {params.fractions} "
        "2>&1 | tee {log}"
