# Import of the package beside the Snakefile, and the exit after a user's mistake.
import sys

sys.path.insert(0, str(CHECKOUT))

from pj2.config.environment import use_checkout, use_huge_pages, use_store
from pj2.config.load import parse_study, with_words_read
from pj2.config.strict_yaml import read_yaml
from pj2.errors import UserError


def exit_with(error):
    """End snakemake as pj2 does: one line per problem, exit code 2, no traceback."""
    print(*error.problems, sep="\n", file=sys.stderr, flush=True)
    os._exit(2)


try:
    use_checkout(CHECKOUT)
except UserError as error:
    exit_with(error)
use_huge_pages()
