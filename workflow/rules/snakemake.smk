# All uses of undocumented features of Snakemake, each with its reason.
# tests/workflow/test_undocumented.py runs each.
import os
from pathlib import Path

# The folder of this Snakefile. If a study uses it as a module, workflow.basedir is the study's
# folder instead.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parents[1]

# Every job reads these rules again, but only planning examines GPUs, SLURM and the results.
PLANNING = workflow.is_main_process

# The files of --configfile. Snakemake would merge them into the `configfile:` of a Snakefile.
GIVEN_CONFIGFILES = workflow.overwrite_configfiles

# The values of --config, in the types that Snakemake parses them to.
GIVEN_CONFIG = workflow.config_settings.config

# With --default-storage-provider, a job has only the files that it names.
IN_STORAGE = workflow.storage_settings.default_storage_provider is not None

# Snakemake limits the number of jobs at once (_nodes) only with a cluster's executor.
ONE_MACHINE = workflow.global_resources["_nodes"].value is None


def configfiles():
    """The files that `config` was read from; known after the `configfile:` statement."""
    return list(map(str, workflow.configfiles))


def limit(resource, most):
    """Limit a resource, unless --resources does; Snakemake documents no other way."""
    if resource not in workflow.global_resources:
        workflow.register_resource(resource, most)


def make_again(path):
    """Run the job of this output in any case; to be called by an input function.

    --forcerun would also make the output a target. A param or an input that describes the damage
    would be recorded with the job, and run it once more after the repair. Input functions are the
    only code of a workflow that Snakemake calls before it decides which jobs to run.
    """
    workflow.dag.forcefiles.add(path)


def jobs_to_run():
    """The jobs that Snakemake will run, once it has planned."""
    return list(workflow.dag.needrun_jobs())


def jobs_of_dry_run():
    """The jobs of a dry run, empty otherwise; at its end Snakemake counts them as finished."""
    if not workflow.dryrun or workflow.dag is None:
        return []
    return list(workflow.dag.needrun_jobs(exclude_finished=False))


def scheduled_jobs():
    """The jobs to run as submitted to a cluster, where a group is one job."""
    jobs = {workflow.dag.get_job_group(job) or job for job in jobs_to_run()}
    return [job for job in jobs if not job.is_local]


def slurm_prefix():
    """The prefix of the names of this Snakemake's SLURM jobs; None with another executor."""
    if workflow.executor_plugin.name != "slurm":
        return None
    return workflow.executor_settings.jobname_prefix or ""


def was_made(path):
    """Whether a file was requested and is up to date; false in a dry run."""
    if workflow.dryrun or workflow.dag is None or jobs_to_run():
        return False
    return any(path in job.output for job in workflow.dag.jobs) and os.path.exists(path)
