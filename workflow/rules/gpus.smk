# GPU slots limit how many runs compute at once; each job takes one (pj2/cluster/gpus.py). With a
# cluster's executor, the scheduler assigns GPUs.
from pj2.cluster.gpus import find_gpus

GPUS = []
if STUDY.device in ("auto", "cuda") and PLANNING:
    try:
        GPUS = find_gpus(STUDY.gpus)
    except UserError as error:
        exit_with(error)
if GPUS and ONE_MACHINE:
    limit("gpu_slot", len(GPUS) * STUDY.runs_per_gpu)

# The value of a job's option --gpus.
GPU_CHOICE = STUDY.gpus if STUDY.gpus == "auto" else ",".join(map(str, STUDY.gpus))
