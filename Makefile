# cellsift: `make` lists the targets.
SHELL := bash
.DELETE_ON_ERROR:
.PHONY: help install demo arena rehearsal costs test test-fast lint lock clean

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
DEMO_BRAINS := results/phantom --brains phantom_a phantom_b phantom_test phantom_new
RUN := $(BIN)/python scripts/run.py
VOXELS := 1e10
METHOD := dog

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: $(INSTALLED)  ## set up .venv with the pinned dependencies

demo: $(INSTALLED)  ## run the whole job on made-up brains and print where the report is
	@$(BIN)/python -m cellsift.phantom $(DEMO_BRAINS)
	@$(RUN) --profile workflow/profiles/local
	@echo "Open it in a browser: file://$(CURDIR)/results/reports/index.html"

arena: $(INSTALLED)  ## compare every architecture on the made-up brains; takes long
	@$(BIN)/python -m cellsift.phantom $(DEMO_BRAINS)
	@$(RUN) --profile workflow/profiles/local --configfile config/arena.yaml
	@echo "Open it in a browser: file://$(CURDIR)/results/arena/reports/index.html"

rehearsal: $(INSTALLED)  ## measure a whole brain, made up as it is read: VOXELS=1e10 METHOD=dog
	@$(BIN)/python -m cellsift.rehearsal results/rehearsal --voxels $(VOXELS) --method $(METHOD)

costs: $(INSTALLED)  ## measure what every arm costs on this machine, for reports/costs.md
	@$(BIN)/python -m cellsift.costs

# Two test workers with a thread for every core each would stand in each other's way.
test test-fast: export OMP_NUM_THREADS := 1

# Whole runs first: beside the last of them a worker would have nothing to do.
test: lint test-fast  ## pass all checks and tests
	@$(BIN)/python -m pytest tests/slurm tests/workflow tests/unit -m slow -n 2 --dist loadfile --no-loadscope-reorder --durations=25

test-fast: $(INSTALLED)  ## pass the tests that take seconds
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

lint: $(INSTALLED)  ## check style and the workflow's rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check workflow
	@$(BIN)/snakemake --lint

lock: $(INSTALLED)  ## write the versions in .venv down as the pinned ones
	@pins=$$({ $(BIN)/pip freeze --exclude-editable | sed -E 's/\+cpu$$//'; grep -v '^#' constraints.txt; } | sort -s -u -f -t= -k1,1) && \
	  printf '%s\n' '# Versions that cellsift is tested with; `make lock` writes them. The one place of pins.' "$$pins" > constraints.txt

clean:  ## remove the results and .venv
	rm -rf results .venv .snakemake

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cellsift needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	@echo "Setting up .venv (once; some minutes)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[test]'
	@touch $@
