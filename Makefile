# make quickstart [FAITHFUL=1] | make reproduce-ncbi RAW=DIR [SEEDS="0 1 2"] | make reproduce-hpo [SEEDS="0 1 2"] | make pretrained [RAW=DIR] | make test [WORKERS=2] | make test-slow | make test-lowest | make check | make docs. Each makes what it needs; PYTHON picks the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
LOWEST := .venv-lowest

.PHONY: quickstart reproduce-ncbi reproduce-hpo pretrained install test test-slow test-lowest lint check docs clean

install: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "biosyn needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

quickstart: $(STAMP)
	$(BIN)/python -m biosyn quickstart --output_dir quickstart $(if $(FAITHFUL),--faithful)

reproduce-ncbi: $(STAMP)
	@test -n "$(RAW)" || { echo "say where the corpus is: make reproduce-ncbi RAW=DIR" >&2; exit 2; }
	$(BIN)/python recipes/reproduce.py ncbi --raw_dir "$(RAW)" --output_dir reproduced/ncbi $(if $(SEEDS),--seeds $(SEEDS))

reproduce-hpo: $(STAMP)
	$(BIN)/python recipes/reproduce.py hpo --output_dir reproduced/hpo $(if $(SEEDS),--seeds $(SEEDS))

pretrained: $(STAMP)
	$(BIN)/python recipes/pretrained.py --output_dir pretrained $(if $(RAW),--raw_dir "$(RAW)")

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -rs -n $(WORKERS)

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -rs -m slow

# The oldest versions that setup.py allows, of extras too, but spaCy, which wants a newer numpy. Tools are as new as ever.
test-lowest: $(LOWEST)/.installed
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -q -rs -n $(WORKERS) --ignore-glob '*spacy*' --ignore tests/test_docs.py

$(LOWEST)/.installed: setup.py requirements-dev.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	sed -e '/"dev"/,/]/d' -e '/"spacy"/d' setup.py | grep -oE '[A-Za-z0-9_-]+>=[0-9.]+"' | sed 's/>=/==/; s/"//' > $(LOWEST)/pins.txt
	grep -E '^(pytest|hypothesis|bioc|schemathesis|setuptools|reconciler)' requirements-dev.txt >> $(LOWEST)/pins.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -r $(LOWEST)/pins.txt -e .
	touch $@

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
	rm -rf $(VENV) $(LOWEST) .venv-docs site quickstart reproduced pretrained build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
