# The pipeline: data -> training runs -> tables and figures.
#
#   snakemake --cores 4 all        everything in config.yaml
#   snakemake landscape_plot       one target; see the rules below for the others
#   snakemake -n                   list the jobs, with reasons
from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/snakemake.smk"
include: "workflow/rules/setup.smk"


# A config given on the command line replaces the default study; Snakemake would
# otherwise merge the two, and the default's experiments would leak into it.
if not GIVEN_CONFIGFILES and not config.get("experiments"):
    own = Path("config.yaml")
    default_config = own if own.exists() else CHECKOUT / "config.yaml"
    try:
        read_yaml(default_config)  # unlike Snakemake, it locates a mistake
    except UserError as error:
        exit_with(error)

    configfile: str(default_config)


include: "workflow/rules/common.smk"
include: "workflow/rules/gpus.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/index.smk"
include: "workflow/rules/geometry.smk"
include: "workflow/rules/exhibits.smk"
include: "workflow/rules/report.smk"


# A study that uses this Snakefile as a module extends this list; see `pj2 init`.
EVERYTHING = [*(getattr(rules, target).input for target in targets()), rules.report.output]


rule all:
    default_target: True
    input:
        EVERYTHING,
    localrule: True
