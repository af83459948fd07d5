# The package beside the Snakefile, and how a user's mistake ends the run.
import sys

sys.path.insert(0, str(CHECKOUT))

from pj2.config.environment import use_checkout, use_huge_pages, use_store
from pj2.config.load import parse_study, with_words_read
from pj2.config.strict_yaml import read_yaml
from pj2.errors import UserError


def exit_with(error):
    """End snakemake the way pj2 ends: a line a problem, exit code 2, no traceback."""
    print(*error.problems, sep="\n", file=sys.stderr, flush=True)
    os._exit(2)


try:
    use_checkout(CHECKOUT)
except UserError as error:
    exit_with(error)
use_huge_pages()
