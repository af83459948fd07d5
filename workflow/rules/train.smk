# One job per (model, learning rate, seed). Its settings are one canonical JSON string, since
# Snakemake compares params as a set of values without names. A digest of its code is another
# param, since Snakemake does not detect a changed module. Earlier training comes from the run store.

from pj2.runs.events import require_tensorboard
from pj2.runs.progress_file import TRAIN_LOG, progress_beside

if STUDY.logging.tensorboard:
    try:
        require_tensorboard()
    except UserError as error:
        exit_with(error)


rule train:
    input:
        info=checked_info,
        images=ancient(IMAGES),
        twin=ancient(twin),
    output:
        best=f"{RUN}/best.safetensors",
        last=f"{RUN}/last.safetensors",
        steps=f"{RUN}/steps.parquet",
        epochs=f"{RUN}/epochs.parquet",
        predictions=f"{RUN}/predictions.parquet",
        run=f"{RUN}/run.json",
    log:
        f"{RESULTS}/{TRAIN_LOG}",
    wildcard_constraints:
        experiment=only([name for name in STUDY.experiments if name not in PROBED]),
    cache: "omit-software"  # used with --cache only; torch's version is in params.code
    group:
        RUN_JOB
    conda:
        "../envs/pj2.yaml"
    threads: STUDY.threads
    resources:
        **NEEDS["train"],
        device=STUDY.device,
        gpu_choice=GPU_CHOICE,
        runs_per_gpu=STUDY.runs_per_gpu,
        gpu_slot=1 if GPUS else 0,
    params:
        settings=run_settings,
        code=lambda wildcards: train_digest(RUN_BY_FOLDER[run_folder(wildcards)].settings),
        data=data_folder,
        folder=lambda wildcards, output: os.path.dirname(output.run),
        progress=str(progress_beside(f"{RESULTS}/{TRAIN_LOG}")),
        tensorboard=events,
    # A scheduler signals every process of a job; shell and tee ignore this, so that training can save.
    shell:
        "trap : TERM; python -m pj2 train --settings {params.settings:q} --data {params.data} --output {params.folder} "
        "--device {resources.device} --gpus {resources.gpu_choice} --runs-per-gpu {resources.runs_per_gpu} "
        "--threads {threads} --progress {params.progress} {params.tensorboard} 2>&1 "
        "| (trap '' INT TERM; exec tee {log})"


# A probed run has additional outputs.
use rule train as train_with_probes with:
    output:
        best=f"{RUN}/best.safetensors",
        last=f"{RUN}/last.safetensors",
        steps=f"{RUN}/steps.parquet",
        epochs=f"{RUN}/epochs.parquet",
        probes=f"{RUN}/probes.parquet",
        layers=f"{RUN}/layers.parquet",
        moments=f"{RUN}/moments.parquet",
        predictions=f"{RUN}/predictions.parquet",
        run=f"{RUN}/run.json",
    wildcard_constraints:
        experiment=only(PROBED),
