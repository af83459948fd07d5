# These checks make Snakemake rebuild every file that does not match the config, the data and the
# code. Snakemake itself detects neither damaged files nor files that somebody copied here.
import atexit

from pj2.data.changes import is_outdated, source_digest
from pj2.data.layout import identity_of, prepared_folder, read_info
from pj2.data.shares import check_class_sizes
from pj2.store.open import open_store
from pj2.store.records import BadRecord, says
from pj2.store.sums import edited
from pj2.store.verified import VerifiedFiles
from pj2.runs.adopt import adopt_run
from pj2.runs.check import stale_reasons
from pj2.runs.history import HISTORY, note
from pj2.runs.index import read_index
from pj2.runs.plan import Restore, actions, expected

DATASET_JSON = STUDY.dataset.model_dump_json()
DATA = prepared_folder(STUDY.dataset)
# Named here, since ancient() would mark `rules.prepare_data.output.info` for every rule.
IMAGES, INFO = f"{DATA}/dataset.safetensors", f"{DATA}/dataset.json"
# A class too small for one of these fractions is refused before training.
VALIDATION_FRACTIONS = sorted({run.settings.validation_fraction for run in RUNS})

try:
    STORE = open_store(STUDY.store.path, STUDY.store.remote)
except UserError as error:
    exit_with(error)
try:
    PREPARED, UNBELIEVED = identity_of(DATA), None  # None if not prepared yet
except UserError as error:
    PREPARED, UNBELIEVED = None, error

VERIFIED = VerifiedFiles()
STALE = {}  # the folder of a run that does not match -> why
atexit.register(VERIFIED.save)


def checked_source(wildcards):
    """Return no files; have the data prepared again if the contents of their source changed.

    Snakemake would compare source files by time, which a replaced file may keep, and take a brace
    in a name for a wildcard. If the data are current, the sizes of the classes are checked.
    """
    if not PLANNING:
        return []
    try:
        if UNBELIEVED:
            print(UNBELIEVED, file=sys.stderr, flush=True)
            make_again(INFO)
        elif is_outdated(DATA, STUDY.dataset):
            print(f"{DATA}: its source files have changed", file=sys.stderr, flush=True)
            make_again(INFO)
        elif Path(INFO).exists():
            check_class_sizes(read_info(DATA), VALIDATION_FRACTIONS)
    except UserError as error:
        exit_with(error)
    return []


def source_behind_storage(wildcards):
    """The digest of the source, for Snakemake to compare if the data are in a storage."""
    return source_digest(STUDY.dataset) if IN_STORAGE else None


def problems_of(run):
    """The reasons why a run on disk is stale; None if there is no run."""
    folder = Path(RESULTS, "runs", run.folder)
    if not (folder / "run.json").exists():
        return None
    return stale_reasons(folder, run.settings, PREPARED, verify=True, files=VERIFIED)


def need_not_train(run):
    """Whether the whole run is in the store or on disk, as far as is known without the machine."""

    def unknown():
        raise UserError("depends on the machine")

    try:
        action = expected(actions(run.settings, PREPARED, STORE, unknown), STORE)
    except UserError:
        action = None
    return isinstance(action, Restore) or problems_of(run) == []


def tell_restored():
    """At the end of a dry run, print how many of its training jobs need not train."""
    training = [job for job in jobs_of_dry_run() if "run" in job.output.keys()]
    if training and PREPARED:
        whole = sum(need_not_train(RUN_BY_FOLDER[run_folder(job.wildcards)]) for job in training)
        print(f"Of {len(training)} training jobs {whole} restore their run, without training.")


if PLANNING:
    atexit.register(tell_restored)


def as_made(*files):
    """An input function without files; the job runs again if its outputs were changed."""

    def check(wildcards):
        if PLANNING:
            sums, *made = (Path(path.format(**wildcards)) for path in [sums_of(files[0]), *files])
            problems = edited(sums, made, VERIFIED.sha256)
            for line in problems:
                print(line, file=sys.stderr, flush=True)
            if problems:
                make_again(str(sums))
        return []

    return check


def as_listed(wildcards):
    """Return no files; have the list of the page's contents written again if it is outdated."""
    listed = Path(RESULTS, "index", "report.json")
    if PLANNING and listed.exists() and listed.read_bytes() != f"{CONTENTS}\n".encode():
        make_again(str(listed))
    return []


def checked_info(wildcards):
    """The input of a training job; also checks its run on disk, and has it made again if stale."""
    folder = RUN.format(**wildcards)
    reasons = problems_of(RUN_BY_FOLDER[run_folder(wildcards)]) if PLANNING else None
    for reason in reasons or []:
        print(f"{folder}: {reason}", file=sys.stderr, flush=True)
    if reasons:
        STALE[run_folder(wildcards)] = reasons
        make_again(f"{folder}/run.json")
    return INFO


def check_list(path, wanted):
    """Have an index written again if it does not match the config."""
    if not PLANNING or not os.path.exists(path):
        return
    try:
        if says(read_index(path), json.loads(wanted)):
            return
        print(f"{path}: lists other runs than the config", file=sys.stderr, flush=True)
    except BadRecord as problem:
        print(problem, file=sys.stderr, flush=True)
    make_again(path)


def twin(wildcards):
    """Earlier runs that may share this run's epochs; the job waits for them and reuses the epochs."""
    return TWINS[run_folder(wildcards)]


# Snakemake removes a job's outputs before it runs. They go to the store first, in case the
# store was lost or left on another machine.
onstart:
    ask_slurm()
    # A module's user may have renamed the rule.
    training = [job for job in jobs_to_run() if "run" in job.output.keys()]
    for job in training:
        adopt_run(STORE, Path(job.output.run).parent)
    note(Path(RESULTS, HISTORY), STALE)
    # Imported here, since every job reads this file but only a start needs it.
    from pj2.doctor.needs import check_room

    runs = tuple(RUN_BY_FOLDER[run_folder(job.wildcards)] for job in training)
    for finding in check_room(STUDY, runs):
        if finding.status == "problem":
            print(f"{finding.what}: {finding.found}: {finding.advice}", file=sys.stderr, flush=True)
