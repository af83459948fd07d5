# make run    set up what is missing, then the study of config.yaml to its report
# make test   set up what is missing, then the tests
# make docs   set up what is missing, then build the site: docs/_build/index.html
# make bench  set up what is missing, then measure speed; see docs/performance.md
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Options for snakemake, e.g. make run ARGS="--configfile config/paper.yaml"
ARGS   ?=
BENCH_ARGS ?=
# Snakemake ends where it cannot write its cache, below the home folder: then it is in the checkout.
export XDG_CACHE_HOME := $(shell cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; \
	mkdir -p "$$cache/snakemake" 2>/dev/null && test -w "$$cache/snakemake" && echo "$$cache" || \
	echo "$(CURDIR)/.snakemake/cache")

.PHONY: run dry-run test lint docs bench format lock translations clean
.DEFAULT_GOAL := run

run: $(READY)
	$(BIN)/snakemake all $(ARGS)

dry-run: $(READY)
	$(BIN)/snakemake -n all $(ARGS)

# A worker that dies ends the tests: in place of another, xdist waits for ever for what it had.
test: $(READY)
	$(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder --max-worker-restart 0

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports

# A warning, a reference or a link that leads nowhere is an error.
docs: $(READY)
	$(BIN)/python -m sphinx -b html -n -W --keep-going --quiet docs docs/_build
	@echo "The site is in docs/_build/index.html"

# Takes half an hour, and an idle machine. A part of it: make bench BENCH_ARGS="engine --models VGG_A"
bench: $(READY)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# The pins are what was tested. CUDA's libraries are left to torch, which pins
# its own on the platforms that have them.
lock: $(READY)
	$(BIN)/pip-compile --quiet --extra dev --strip-extras --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe \
		--output-file requirements.lock pyproject.toml
	sed -i -E '/^(nvidia-|cuda-|triton)/d' requirements.lock

# The sentences of figures and report that have no Chinese yet are added to zh.po, empty; those
# that nothing says any more are taken out. Then the font gets the letters of the translations.
translations: $(READY)
	$(BIN)/pybabel --quiet extract --mapping pyproject.toml --keyword tr --keyword said --no-location \
		--sort-output --output-file $(VENV)/words.pot pj2
	$(BIN)/pybabel --quiet update --locale zh --input-file $(VENV)/words.pot --no-wrap \
		--output-file pj2/language/zh.po --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date
	$(BIN)/python scripts/subset_font.py

# The run store (.pj2) stays: what was trained is restored.
clean:
	rm -rf results .snakemake

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pj2 needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
