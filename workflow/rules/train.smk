# One job a (model, learning rate, seed). Its settings are one canonical JSON
# string, since Snakemake compares params as a set of values without names.


rule train:
    input:
        info=rules.prepare_data.output.info,
        images=ancient(rules.prepare_data.output.images),
    output:
        best=f"{RUN}/best.safetensors",
        last=f"{RUN}/last.safetensors",
        steps=f"{RUN}/steps.parquet",
        epochs=f"{RUN}/epochs.parquet",
        run=f"{RUN}/run.json",
    log:
        f"{RESULTS}/logs/train/{{experiment}}/{{model}}/lr={{lr}}/seed={{seed}}.log",
    conda:
        "../envs/pj2.yaml"
    threads: STUDY.threads
    resources:
        device=STUDY.device,
    params:
        settings=run_settings,
        data=lambda wildcards, input: os.path.dirname(input.info),
        folder=lambda wildcards, output: os.path.dirname(output.run),
    shell:
        "python -m pj2 train --settings {params.settings:q} --data {params.data} --output {params.folder} "
        "--device {resources.device} --threads {threads} 2>&1 | tee {log}"
