# Runs on GPUs: as many at once as there are places, and each job takes its own
# (pj2/cluster/gpus.py). With a cluster's executor, its scheduler assigns them.
from pj2.cluster.gpus import find_gpus

GPUS = []
if STUDY.device in ("auto", "cuda") and PLANNING:
    try:
        GPUS = find_gpus(STUDY.gpus)
    except UserError as error:
        exit_with(error)
if GPUS and ONE_MACHINE:
    limit("gpu_slot", len(GPUS) * STUDY.runs_per_gpu)

# What a job that computes on a GPU is told, in the words of the command line.
GPU_CHOICE = STUDY.gpus if STUDY.gpus == "auto" else ",".join(map(str, STUDY.gpus))
