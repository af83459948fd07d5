# make run    run the study of config.yaml up to its report
# make test   run the tests
# make docs   build the site: docs/_build/index.html
# make bench  measure speed; see docs/performance.md
# Each first sets up the environment, if it is missing or outdated.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Options for snakemake, e.g. make run ARGS="--configfile config/paper.yaml"
ARGS   ?=
BENCH_ARGS ?=
# Snakemake fails if it cannot write its cache below the home folder; then the checkout has the cache.
export XDG_CACHE_HOME := $(shell cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; \
	mkdir -p "$$cache/snakemake" 2>/dev/null && test -w "$$cache/snakemake" && echo "$$cache" || \
	echo "$(CURDIR)/.snakemake/cache")

.PHONY: run dry-run test lint docs bench format lock translations clean
.DEFAULT_GOAL := run

run: $(READY)
	$(BIN)/snakemake all $(ARGS)

dry-run: $(READY)
	$(BIN)/snakemake -n all $(ARGS)

# The end of a worker ends the tests: xdist would wait forever for the dead worker's tests.
test: $(READY)
	$(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder --max-worker-restart 0

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports

# Warnings, and broken references and links, are errors.
docs: $(READY)
	$(BIN)/python -m sphinx -b html -n -W --keep-going --quiet docs docs/_build
	@echo "The site is in docs/_build/index.html"

# Takes half an hour on an idle machine. To run a part: make bench BENCH_ARGS="engine --models VGG_A"
bench: $(READY)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# The pins are the tested versions. CUDA's libraries have no pins here, since torch pins its own on
# the platforms that have them.
lock: $(READY)
	$(BIN)/pip-compile --quiet --extra dev --strip-extras --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe \
		--output-file requirements.lock pyproject.toml
	sed -i -E '/^(nvidia-|cuda-|triton)/d' requirements.lock

# Add sentences of figures and report without a translation to zh.po, with an empty one, and remove
# sentences that are no longer used. Then subset the font to the letters of the translations.
translations: $(READY)
	$(BIN)/pybabel --quiet extract --mapping pyproject.toml --keyword tr --keyword said --no-location \
		--sort-output --output-file $(VENV)/words.pot pj2
	$(BIN)/pybabel --quiet update --locale zh --input-file $(VENV)/words.pot --no-wrap \
		--output-file pj2/language/zh.po --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date
	$(BIN)/python scripts/subset_font.py

# The run store (.pj2) stays, so that trained runs can be restored.
clean:
	rm -rf results .snakemake

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pj2 needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.lock
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true  # on all cores; pip takes one
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
