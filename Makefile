# make quickstart | make reproduce-ncbi RAW=DIR [SEEDS="0 1 2"] | make test [WORKERS=2] | make test-slow | make check | make docs. Each makes what it needs; PYTHON picks the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: quickstart reproduce-ncbi install test test-slow lint check docs clean

install: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "biosyn needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

quickstart: $(STAMP)
	$(BIN)/python -m biosyn quickstart --output_dir quickstart

reproduce-ncbi: $(STAMP)
	@test -n "$(RAW)" || { echo "say where the corpus is: make reproduce-ncbi RAW=DIR" >&2; exit 2; }
	$(BIN)/python recipes/reproduce_ncbi.py --raw_dir "$(RAW)" --output_dir reproduced $(if $(SEEDS),--seeds $(SEEDS))

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -rs -n $(WORKERS)

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -rs -m slow

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

docs: .venv-docs/.installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

.venv-docs/.installed: requirements-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $@

clean:
	rm -rf $(VENV) .venv-docs site quickstart reproduced build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
