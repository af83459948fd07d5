# What these rules use of Snakemake without its documentation describing it: here, each with its
# reason, and nowhere else. tests/workflow/test_undocumented.py runs each.
import os
from pathlib import Path

# The folder of this Snakefile. Where another study uses it as a module, workflow.basedir is
# that study's folder.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parents[1]

# A job reads these rules again. GPUs, SLURM and the results are looked at once, when planning.
PLANNING = workflow.is_main_process

# The files of --configfile. Snakemake would merge them into the `configfile:` of a Snakefile.
GIVEN_CONFIGFILES = workflow.overwrite_configfiles

# What --config said, in the types that Snakemake takes its words for.
GIVEN_CONFIG = workflow.config_settings.config

# A job sees the files that it names and no others, if --default-storage-provider keeps them.
IN_STORAGE = workflow.storage_settings.default_storage_provider is not None

# Only with the executor of a cluster does Snakemake count how many jobs run at a time.
ONE_MACHINE = workflow.global_resources["_nodes"].value is None


def configfiles():
    """The files that `config` was read from; known once `configfile:` was."""
    return list(map(str, workflow.configfiles))


def limit(resource, most):
    """Give a resource a limit, unless --resources did; Snakemake knows none but from there."""
    if resource not in workflow.global_resources:
        workflow.register_resource(resource, most)


def make_again(path):
    """Run the job of this output, whatever Snakemake compares; to be called by an input function.

    --forcerun would make the output a target as well. A param or an input that tells of the
    damage would be recorded with the job, and run it once more when the damage is gone. Input
    functions are the one code of a workflow that Snakemake calls before it decides what to run.
    """
    workflow.dag.forcefiles.add(path)


def jobs_to_run():
    """The jobs that Snakemake will run, once it has planned."""
    return list(workflow.dag.needrun_jobs())


def jobs_of_dry_run():
    """The jobs that a dry run listed; none if this is no dry run. At its end they count as finished."""
    if not workflow.dryrun or workflow.dag is None:
        return []
    return list(workflow.dag.needrun_jobs(exclude_finished=False))


def scheduled_jobs():
    """The jobs to run as a cluster gets them: those of a group are one."""
    jobs = {workflow.dag.get_job_group(job) or job for job in jobs_to_run()}
    return [job for job in jobs if not job.is_local]


def slurm_prefix():
    """What the names of this Snakemake's SLURM jobs begin with; None with another executor."""
    if workflow.executor_plugin.name != "slurm":
        return None
    return workflow.executor_settings.jobname_prefix or ""


def was_made(path):
    """Whether a file was asked for and is up to date; false in a dry run."""
    if workflow.dryrun or workflow.dag is None or jobs_to_run():
        return False
    return any(path in job.output for job in workflow.dag.jobs) and os.path.exists(path)
