# The pipeline: data -> training runs -> tables and figures.
#
#   snakemake --cores 4 all        everything in config.yaml
#   snakemake landscape_plot       one target; see the rules below for the others
#   snakemake -n                   what would be done, and why
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/setup.smk"


# A config given on the command line replaces the default study; Snakemake would
# otherwise merge the two, and the default's experiments would leak into it.
if not workflow.overwrite_configfiles and not config.get("experiments"):
    own = Path("config.yaml")
    default_config = own if own.exists() else CHECKOUT / "config.yaml"
    try:
        read_yaml(default_config)  # Snakemake would not say where the mistake is
    except UserError as error:
        exit_with(error)

    configfile: str(default_config)


include: "workflow/rules/common.smk"
include: "workflow/rules/gpus.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/landscape.smk"
include: "workflow/rules/geometry.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    comparison_table,
    confusion_matrices,
    filter_grids,
    training_curves,
    pairwise,
    ablations,
    calibration,
    mistakes,
    efficiency,
    published_report,
    landscape_plot,
    gradient_probes,
    loss_surfaces,
    curvature,
    index,
    report_contents,


# A Snakefile that uses this one as a module adds to it: see `pj2 init`.
EVERYTHING = [
    rules.comparison_table.input,
    rules.confusion_matrices.input,
    rules.filter_grids.input,
    rules.training_curves.input,
    rules.pairwise.input,
    rules.ablations.input,
    rules.calibration.input,
    rules.mistakes.input,
    rules.efficiency.input,
    rules.published_report.input,
    rules.landscape_plot.input,
    rules.gradient_probes.input,
    rules.loss_surfaces.input,
    rules.curvature.input,
    rules.report.output,
]


rule all:
    default_target: True
    input:
        EVERYTHING,
