# cellsift: `make` lists the targets.
SHELL := bash
.DELETE_ON_ERROR:
.PHONY: help install demo try suggest arena rehearsal costs coverage starts test test-fast lint lock clean

BIN := .venv/bin
# A .venv keeps its Python where no other is asked for.
PYTHON ?= $(if $(shell $(BIN)/python --version 2>&-),$(BIN)/python,python3)
INSTALLED := .venv/.installed
DEMO_BRAINS := results/phantom --brains phantom_a phantom_b phantom_test phantom_new
RUN := $(BIN)/python scripts/run.py
VERSION := import sys; print("{}.{}".format(*sys.version_info))
VOXELS := 1e10
METHOD := dog

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: $(INSTALLED)  ## set up .venv with the pinned dependencies
	@echo ".venv has Python $$($(BIN)/python -c '$(VERSION)'). For another: rm -r .venv; make install PYTHON=/path/to/it"

demo: $(INSTALLED)  ## run the whole job on made-up brains and print where the report is
	@$(BIN)/python -m cellsift.phantom $(DEMO_BRAINS)
	@$(RUN) --profile workflow/profiles/local

# CONFIG goes through the environment: its path may have spaces and quotes. The page is made anew, as
# nothing is said at the end of a run that finds all of it there.
try suggest: export CONFIG := $(CONFIG)
try: $(INSTALLED)  ## only detect, in the annotated train brains of a config, and show what is found: CONFIG=mine.yaml
	@[ -n "$$CONFIG" ] || { echo "Name your config: make try CONFIG=mine.yaml" >&2; exit 1; }
	@[ -f "$$CONFIG" ] || { echo "$$CONFIG: there is no such file. Name your config: make try CONFIG=mine.yaml" >&2; exit 1; }
	@$(RUN) try_detection --forcerun try_detection --profile workflow/profiles/local --configfile "$$CONFIG"

suggest: $(INSTALLED)  ## suggest what to annotate next in each brain of a config: CONFIG=mine.yaml
	@[ -n "$$CONFIG" ] || { echo "Name your config: make suggest CONFIG=mine.yaml" >&2; exit 1; }
	@[ -f "$$CONFIG" ] || { echo "$$CONFIG: there is no such file. Name your config: make suggest CONFIG=mine.yaml" >&2; exit 1; }
	@$(RUN) suggest --forcerun suggest --profile workflow/profiles/local --configfile "$$CONFIG"

arena: $(INSTALLED)  ## compare every architecture on the made-up brains; takes long
	@$(BIN)/python -m cellsift.phantom $(DEMO_BRAINS)
	@$(RUN) --profile workflow/profiles/local --configfile config/arena.yaml

rehearsal: $(INSTALLED)  ## measure a whole brain, made up as it is read: VOXELS=1e10 METHOD=dog
	@$(BIN)/python -m cellsift.cli benchmark rehearsal results/rehearsal --voxels $(VOXELS) --method $(METHOD)

costs: $(INSTALLED)  ## measure what every arm costs on this machine, for reports/costs.md
	@$(BIN)/python -m cellsift.cli benchmark costs

coverage: $(INSTALLED)  ## measure how often intervals of counts hold the truth, for reports/coverage.md
	@$(BIN)/python -m cellsift.cli benchmark coverage

starts: $(INSTALLED)  ## measure how fast runs start, in turn with the checkout OTHER, for reports/starts.md
	@[ -n "$(OTHER)" ] || { echo "Name the other checkout: make starts OTHER=FOLDER" >&2; exit 1; }
	@$(BIN)/python -m cellsift.cli benchmark starts "$(OTHER)"

# Two test workers with a thread for every core each would stand in each other's way.
test test-fast: export OMP_NUM_THREADS := 1

# Three workers on two cores: those of whole runs, of SLURM above all, often wait.
test: lint  ## pass all checks and tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --durations=25

test-fast: $(INSTALLED)  ## pass the tests that take seconds
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

# Files of tests are modules of no package: pytest takes no two of one name.
lint: $(INSTALLED)  ## check style, rules, which room imports which, and types
	@same=$$(find tests -name 'test_*.py' -printf '%f\n' | sort | uniq -d); \
	  [ -z "$$same" ] || { echo "tests/: give these files names of their own: $$same" >&2; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check workflow
	@$(BIN)/snakemake --lint
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy

lock: $(INSTALLED)  ## write the versions in .venv down as the pinned ones
	@$(BIN)/python -m cellsift.workflow.pins

clean:  ## remove the results and .venv
	rm -rf results .venv .snakemake

$(INSTALLED): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "cellsift needs Python 3.11, 3.12 or 3.13, and this is {}.{}: set PYTHON=/path/to/one".format(*sys.version_info))'
	@[ ! -e $(BIN)/python -a ! -L $(BIN)/python ] || \
	  [ "$$($(BIN)/python -c '$(VERSION)' 2>&-)" = "$$("$(PYTHON)" -c '$(VERSION)')" ] || \
	  { echo ".venv is of another Python than $(PYTHON): remove it first (rm -r .venv)" >&2; exit 1; }
	@echo "Setting up .venv (once; some minutes)"
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[test]'
	@touch $@
