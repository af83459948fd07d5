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
    params:
        settings=run_settings,
    log:
        f"{RESULTS}/logs/train/{{experiment}}/{{model}}/lr={{lr}}/seed={{seed}}.log",
    threads: STUDY.threads
    conda:
        "../envs/pj2.yaml"
    shell:
        "{sys.executable} -m pj2 train --settings {params.settings:q} --data {DATA} "
        "--output $(dirname {output.run}) --device {STUDY.device} --threads {threads} 2>&1 | tee {log}"
