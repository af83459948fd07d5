# The test split is read once, with the weights that validation chose.


rule evaluate:
    input:
        run=f"{RUN}/run.json",
        best=ancient(f"{RUN}/best.safetensors"),
        images=ancient(rules.prepare_data.output.images),
    output:
        f"{RUN}/predictions.parquet",
    log:
        f"{RESULTS}/logs/evaluate/{{experiment}}/{{model}}/lr={{lr}}/seed={{seed}}.log",
    threads: STUDY.threads
    conda:
        "../envs/pj2.yaml"
    shell:
        "{sys.executable} -m pj2 evaluate --run $(dirname {input.run}) --data {DATA} --output {output} "
        "--device {STUDY.device} --threads {threads} > {log} 2>&1"
