# The resources that jobs request from a scheduler. On one machine nothing is requested.
from collections import Counter

from pj2.cluster.estimate import job_bytes, job_minutes
from pj2.cluster.slurm import check_job, longest_minutes, replace_driver

# Groups that may be one cluster job: some runs, and all figures and tables.
RUN_JOB, SHOW_JOB = (None, None) if ONE_MACHINE else ("run", "show")

# The generic resource (GRES) in SLURM that a GPU job requests.
GRES = os.environ.get("PJ2_GRES") or ("gpu:1" if STUDY.device == "cuda" else "")
ON_GPU = {"gres": GRES} if GRES and STUDY.device in ("auto", "cuda") else {}
DRIVER_MB = 1000  # the two Snakemake processes that start a job on its node
CUDA_MB = 4000
MEASURING_MINUTES = 240
PREPARING_MINUTES = 60
PREPARING_MB = 4000
ASKED = ["mem_mb", "runtime", "gres", "slurm_partition"]

# Runs that differ only in their epoch budget share a cluster job; the longer continues the shorter.
SHARING = Counter(canonical_json(run.settings.identity()) for run in RUNS)


def memory(wildcards, attempt):
    """Megabytes to train a run, or a model's largest run; more at each further attempt."""
    run = RUN_BY_FOLDER.get(run_folder(wildcards)) if "seed" in wildcards.keys() else None
    runs = [run] if run else CELLS[wildcards.experiment, wildcards.model]
    most = max(job_bytes(each.settings) for each in runs)
    return attempt * (round(most / 1e6) + DRIVER_MB + (CUDA_MB if ON_GPU else 0))


def training_minutes(wildcards):
    """Minutes to train a run, up to SLURM's limit; a run that exceeds it resumes later."""
    settings = RUN_BY_FOLDER[run_folder(wildcards)].settings
    needed = job_minutes(settings, STUDY.dataset, gpu=bool(ON_GPU))
    if LONGEST is None:
        return needed
    shared = SHARING[canonical_json(settings.identity())]
    return max(1, min(needed, LONGEST // shared))


def granted(minutes):
    """These minutes, up to SLURM's limit."""
    return min(minutes, LONGEST or minutes)


NEEDS = {"prepare": {}, "train": {}, "measure": {}}
if PLANNING and not ONE_MACHINE:
    LONGEST = longest_minutes(os.environ.get("SBATCH_PARTITION"))
    NEEDS = {
        "prepare": {
            "mem_mb": lambda wildcards, attempt: attempt * PREPARING_MB,
            "runtime": granted(PREPARING_MINUTES),
        },
        "train": {"mem_mb": memory, "runtime": training_minutes, **ON_GPU},
        "measure": {"mem_mb": memory, "runtime": granted(MEASURING_MINUTES), **ON_GPU},
    }


def ask_slurm():
    """Print which jobs SLURM cannot start or finish; take over from a killed Snakemake."""
    prefix = slurm_prefix()
    if prefix is None:
        return
    # One job stands for all with the same request.
    different = {(job.threads, *(job.resources.get(name) for name in ASKED)): job for job in scheduled_jobs()}
    try:
        for job in different.values():
            name = next(iter(job)).group if job.is_group() else job.name
            warning = check_job(name, job.threads, job.resources)
            if warning:
                print(warning, file=sys.stderr, flush=True)
    except UserError as error:
        print(*error.problems, sep="\n", file=sys.stderr, flush=True)
        sys.exit(2)  # which frees the working directory
    record = Path(".snakemake", "pj2-slurm", f"{STUDY.study}.json")
    orphans = replace_driver(record, prefix) if prefix else 0
    if orphans:
        print(f"SLURM: {orphans} jobs of a killed Snakemake were stopped; their runs resume", flush=True)
