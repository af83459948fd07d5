# The study, and the names that the rules share.
import json
import re
import shlex

from pj2.config.catalogue import MODELS
from pj2.config.names import canonical_json
from pj2.config.study import list_runs
from pj2.data.sources import source_files
from pj2.exhibits.catalogue import SECTIONS, exhibits, keys, on_page, paths, section_of, targets
from pj2.exhibits.missing import said_in
from pj2.fingerprint.code import PACKAGE_FOLDER, code_of, train_digest
from pj2.runs.files import artifact_names
from pj2.runs.index import entry_of
from pj2.store.files import sha256_file
from pj2.store.sums import sums_path

try:
    for path in configfiles():
        read_yaml(path)  # refuses ambiguous YAML, which Snakemake accepts
    STUDY = parse_study(
        with_words_read(config, GIVEN_CONFIG), configfiles()[-1] if configfiles() else "--config"
    )
    RUNS = list_runs(STUDY)
    source_files(STUDY.dataset)  # raises an error that names missing files
except UserError as error:
    exit_with(error)

use_store(STUDY.store)

# The config for --configfile; None for the default config.
CONFIGFILE = next(map(os.path.relpath, reversed(GIVEN_CONFIGFILES)), None)

RESULTS = f"results/{STUDY.study}"
RUN = f"{RESULTS}/runs/experiment={{experiment}}/model={{model}}/lr={{lr}}/seed={{seed}}"
INDEX = f"{RESULTS}/index/experiment={{experiment}}/model={{model}}.json"
GEOMETRY = f"{RESULTS}/geometry/experiment={{experiment}}/model={{model}}"
BAND = f"{RESULTS}/landscape/{{experiment}}.parquet"
PUBLISHED = str(CHECKOUT / "workflow" / "published.yaml")

RUN_BY_FOLDER = {run.folder: run for run in RUNS}
# (experiment, model) -> its runs, in the order of the config
CELLS = {}
for run in RUNS:
    CELLS.setdefault((run.experiment, run.model), []).append(run)
# run -> run.json of earlier runs that may differ from it only in their epoch budget
TWINS = {}
latest = {}
for run in RUNS:
    recipe = run.settings.identity()
    prints = [canonical_json(recipe | {"precision": each}) for each in run.settings.precisions]
    before = dict.fromkeys(latest[each] for each in prints if each in latest)
    TWINS[run.folder] = [f"{RESULTS}/runs/{folder}/run.json" for folder in before]
    latest |= dict.fromkeys(prints, run.folder)
# Experiments whose runs have the additional files of probes.
PROBED = [name for name, experiment in STUDY.experiments.items() if experiment.probe]


wildcard_constraints:
    experiment="|".join(STUDY.experiments),
    model="|".join(sorted({re.escape(model) for _, model in CELLS})),
    lr=r"[0-9.e+-]+",
    seed=r"\d+",


def run_folder(wildcards):
    """A run's folder below runs/, its key in RUN_BY_FOLDER."""
    return "experiment={experiment}/model={model}/lr={lr}/seed={seed}".format(**wildcards)


def run_settings(wildcards):
    """The canonical JSON of a run's settings, which determines the run."""
    return RUN_BY_FOLDER[run_folder(wildcards)].settings.canonical()


def architecture(wildcards):
    """The registered model behind a pair; {model} may name a variant of it."""
    return CELLS[wildcards.experiment, wildcards.model][0].settings.model


def of_cells(pattern, chosen):
    """Fill {experiment} and {model} of a pattern for each pair."""
    return [pattern.format(experiment=experiment, model=model) for experiment, model in chosen]


# Figures and tables read the index of each pair (experiment, model), which changes when the records
# or predictions of its runs change. So each run is an input of one job, and not of every job that
# shows it. Snakemake compares an index by content up to 1 MB, about 3,000 runs; above that, by time.


def records(wildcards):
    """The run.json of every run of a pair; also checks the index that lists them."""
    check_list(INDEX.format(**wildcards), index_json(wildcards))
    return [f"{RESULTS}/runs/{run.folder}/run.json" for run in CELLS[wildcards.experiment, wildcards.model]]


def runs_of(chosen):
    """The files of the runs of pairs, which jobs must name if the results are in a storage."""
    runs = [run for cell in chosen for run in CELLS[cell]] if IN_STORAGE else []
    return [
        ancient(f"{RESULTS}/runs/{run.folder}/{name}")
        for run in runs
        for name in ["run.json", *artifact_names(probed=run.experiment in PROBED)]
    ]


def sums_of(path):
    """The file with the digests of a job's outputs, given the first output."""
    return str(sums_path(RESULTS, os.path.relpath(path, RESULTS)))


def with_sums(*files):
    """The outputs of a job that also records their digests, for `as_made`."""
    return {"files": list(files), "sums": sums_of(files[0])}


def cells_of(wildcards):
    """The pairs that wildcards name: one, those of an experiment, or those of the study."""
    named = tuple(wildcards[name] for name in ("experiment", "model") if name in wildcards.keys())
    return [cell for cell in CELLS if cell[: len(named)] == named]


# The language of figures and tables, and of nothing else. The files of translations and fonts count
# as code; English needs none, since its sentences are in the code.
LANGUAGE = STUDY.report.language
WORDS = [PACKAGE_FOLDER / "language" / f"{LANGUAGE}.po", *PACKAGE_FOLDER.glob("exhibits/fonts/*.otf")]
WORDS = [] if LANGUAGE == "en" else [sha256_file(path) for path in WORDS]


def stem_of_output(wildcards, output):
    """The output path without its ending, for commands that write several formats."""
    return os.path.splitext(output[0])[0]


def index_json(wildcards):
    """The index of one pair, with the folders of runs relative to the index."""
    runs = CELLS[wildcards.experiment, wildcards.model]
    here = os.path.dirname(INDEX)
    entries = [entry_of(run, os.path.relpath(f"{RESULTS}/runs/{run.folder}", here)) for run in runs]
    return json.dumps(
        {
            "study": STUDY.study,
            "experiment": wildcards.experiment,
            "model": wildcards.model,
            "runs": entries,
        },
        indent=2,
    )


def only(experiments):
    """A constraint on {experiment}; without experiments it matches nothing."""
    return "|".join(experiments) or "(?!)"


def events(wildcards, output):
    """The option for event files, which are not outputs, since no job reads them.

    The parameter `output` keeps Snakemake from running jobs again if the option changes.
    """
    folder = f"{RESULTS}/tensorboard/{run_folder(wildcards)}"
    return f"--tensorboard {folder}" if STUDY.logging.tensorboard else ""


def data_folder(wildcards, input):
    """The folder of the prepared data."""
    return os.path.dirname(input.info)


# Measurements of the loss around trained weights.
def section(name):
    """A params function: one section of an experiment, as JSON."""
    return lambda wildcards: getattr(STUDY.experiments[wildcards.experiment], name).model_dump_json()


def code_with_model(module):
    """A params function: the digest of a module and of the model that the job measures."""
    return lambda wildcards: code_of(module, MODELS.modules()[architecture(wildcards)]).digest


def to_measure(output):
    """The inputs of a measurement around weights."""
    return {
        "as_made": as_made(output),
        "index": INDEX,
        "runs": lambda wildcards: runs_of(cells_of(wildcards)),
        "info": ancient(INFO),
        "images": ancient(IMAGES),
    }


def surface_parts(wildcards):
    """The files of a grid's jobs; each has some rows and is named by its first row."""
    surface = STUDY.experiments[wildcards.experiment].surface
    firsts = range(0, surface.points, surface.rows_per_job)
    return [f"{GEOMETRY}/surface/first={first}.parquet".format(**wildcards) for first in firsts]


def interpolations(wildcards):
    """The lines between two runs, for models with at least two."""
    pairs = [cell for cell in cells_of(wildcards) if len(CELLS[cell]) > 1]
    return of_cells(f"{GEOMETRY}/interpolation.parquet", pairs)


# Figures and tables, as pj2/exhibits declares them.
PLACES = {
    "study": "{exhibit}",
    "experiment": "{exhibit}/{experiment}",
    "model": "{exhibit}/{experiment}/{model}",
}
KINDS_AND_LEVELS = sorted({(each.kind, level) for each in exhibits().values() for level in each.levels})
# The further inputs of some exhibits: the files of the command's options.
OPTIONS = {
    "data": lambda wildcards: [ancient(INFO), ancient(IMAGES)],
    "band": lambda wildcards: [BAND.format(**wildcards)],
    "claims": lambda wildcards: [local(PUBLISHED)],
    "between": interpolations,
}


def names_of(kind, level):
    """The names of the exhibits of a kind at a level."""
    return [name for name, each in exhibits(kind).items() if level in each.levels]


def files_of(kind, level):
    """The files of an exhibit; `snakemake --report` includes the one that a browser can show."""
    about = next(iter(exhibits(kind).values()))
    stem = f"{RESULTS}/{about.folder}/{PLACES[level]}"
    return [
        in_report(f"{stem}.{ending}", kind) if ending == about.shown else f"{stem}.{ending}"
        for ending in about.endings
    ]


def in_report(path, kind):
    """Mark a file for `snakemake --report`, with its caption and its place."""

    def topic(wildcards):
        return SECTIONS[section_of(exhibits(kind)[wildcards.exhibit])][0]

    def labels(wildcards):
        model = {"model": wildcards.model} if "model" in wildcards.keys() else {}
        return {"result": exhibits(kind)[wildcards.exhibit].title, **model}

    whose = "Experiment {experiment}" if "{experiment}" in path else "The whole study"
    return report(path, caption="../report/exhibit.rst", category=whose, subcategory=topic, labels=labels)


def shown_by(kind):
    """An input function: the files that an exhibit shows, and those of its options."""

    def files(wildcards):
        exhibit, chosen = exhibits(kind)[wildcards.exhibit], cells_of(wildcards)
        if exhibit.measured:
            found = {"files": of_cells(f"{GEOMETRY}/{exhibit.measured}", chosen)}
        else:
            found = {"files": of_cells(INDEX, chosen), "runs": runs_of(chosen)}
        return found | {each.name: OPTIONS[each.name](wildcards) for each in exhibit.options}

    return files


def command_of(kind):
    """A params function: the command that makes an exhibit."""
    return lambda wildcards: f"{kind} --language {LANGUAGE} {exhibits(kind)[wildcards.exhibit].command}"


def options_of(kind):
    """A params function: the options of that command; the data's option takes their folder."""

    def words(wildcards, input):
        given = {each.name: input[each.name] for each in exhibits(kind)[wildcards.exhibit].options}
        if "data" in given:
            given["data"] = [os.path.dirname(input.data[0])]
        return [f"--{name} {shlex.quote(path)}" for name, files in given.items() for path in files]

    return words


def code_behind(kind):
    """A params function: the digests of an exhibit's code and words."""
    return lambda wildcards: [code_of(exhibits(kind)[wildcards.exhibit].module).digest, *WORDS]


def paths_of(exhibit):
    """All files of an exhibit in this study."""
    return [
        f"{RESULTS}/{path}"
        for level in exhibit.levels
        for path in paths(exhibit, keys(exhibit, level, STUDY, RUNS))
    ]


def shown_on_page(kind, ending):
    """The files of a kind that the page shows."""
    return [
        f"{RESULTS}/{path}"
        for name, chosen in PAGE[kind].items()
        for path in paths(exhibits(kind)[name], chosen, ending)
    ]


def sums_on_page(kind):
    """The digests of these files."""
    return [sums_of(path) for path in shown_on_page(kind, next(iter(exhibits(kind).values())).endings[0])]


def tell_report(path, findings):
    """Print missing letters, the findings and the report's path, if the report is up to date."""
    if was_made(path):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter
        if said := said_in(Path(RESULTS, "logs", "figures")):
            print(said)
        print(Path(findings).read_text(encoding="utf-8"))
        print(f"The report: {os.path.abspath(path)}")
