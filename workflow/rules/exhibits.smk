# Every figure and table: functions of the runs' records and predictions, and of measurements around
# their weights. pj2/exhibits declares them. Each kind and level has a rule, and each name a target.
for kind, level in KINDS_AND_LEVELS:

    rule:
        name:
            f"{kind}_of_{level}"
        input:
            as_made(*files_of(kind, level)),
            unpack(shown_by(kind)),
        output:
            **with_sums(*files_of(kind, level)),
        log:
            f"{RESULTS}/logs/{kind}s/{PLACES[level]}.log",
        wildcard_constraints:
            exhibit="|".join(names_of(kind, level)),
        group:
            SHOW_JOB
        conda:
            "../envs/pj2.yaml"
        params:
            command=command_of(kind),
            options=options_of(kind),
            stem=stem_of_output,
            code=code_behind(kind),
            caption=lambda wildcards, kind=kind: exhibits(kind)[wildcards.exhibit].caption,
        shell:
            "python -m pj2 {params.command} {input.files} {params.options} --output {params.stem} "
            "--sums {output.sums} > {log} 2>&1"


# The min/max band of the training loss over learning rates, an input of a figure and a table.
rule landscape_band:
    input:
        as_made(BAND),
        index=lambda wildcards: of_cells(INDEX, cells_of(wildcards)),
        runs=lambda wildcards: runs_of(cells_of(wildcards)),
    output:
        **with_sums(BAND),
    log:
        f"{RESULTS}/logs/landscape/{{experiment}}.log",
    group:
        SHOW_JOB
    conda:
        "../envs/pj2.yaml"
    params:
        code=code_of("pj2.exhibits.landscape.numbers").digest,
    shell:
        "python -m pj2 band {input.index} --output {output.files} --sums {output.sums} > {log} 2>&1"


for target, made in targets().items():

    rule:
        name:
            target
        input:
            [path for exhibit in made for path in paths_of(exhibit)],
        localrule: True
