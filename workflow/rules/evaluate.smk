# The test split is read once, with the weights that validation chose.


rule evaluate:
    input:
        run=checked_run,
        best=ancient(f"{RUN}/best.safetensors"),
        info=ancient(INFO),
        images=ancient(IMAGES),
    output:
        predictions=f"{RUN}/predictions.parquet",
        record=f"{RUN}/evaluation.json",
    log:
        f"{RESULTS}/logs/evaluate/{{experiment}}/{{model}}/lr={{lr}}/seed={{seed}}.log",
    group:
        RUN_JOB
    conda:
        "../envs/pj2.yaml"
    threads: STUDY.threads
    resources:
        **NEEDS["evaluate"],
        device=STUDY.device,
        gpu_choice=GPU_CHOICE,
        runs_per_gpu=STUDY.runs_per_gpu,
        gpu_slot=1 if GPUS else 0,
    params:
        data=data_folder,
        folder=lambda wildcards, input: os.path.dirname(input.run),
        code=lambda wildcards: prediction_code(architecture(wildcards)).digest,
    shell:
        "python -m pj2 evaluate --run {params.folder} --data {params.data} "
        "--device {resources.device} --gpus {resources.gpu_choice} --runs-per-gpu {resources.runs_per_gpu} "
        "--threads {threads} 2>&1 | tee -i {log}"
