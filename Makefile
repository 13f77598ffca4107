# `make demo` and `make test` need Python 3.11 or newer with pip, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow lint format benchmarks clean

help:
	@echo "make demo        train a biased and an unbiased classifier, audit both, write a report"
	@echo "make test        everything a change must pass"
	@echo "make test-slow   the tests that take minutes each"
	@echo "make lint        formatting, style and types only"
	@echo "make format      rewrite the sources in the house format"
	@echo "make benchmarks  measure what the documentation claims"
	@echo "make clean       remove everything that these commands made"

# Made again whenever pyproject.toml changes.
$(READY): pyproject.toml
	@command -v $(PYTHON) > /dev/null || { \
	  echo "$(PYTHON) not found: install Python 3.11 or newer, or run make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "seewhy needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1): run make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): some minutes the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/seewhy demo --output seewhy-demo

test: lint
	$(PYTEST) -m "not slow" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder \
	  --durations=25 --cov --cov-report=term:skip-covered --cov-fail-under=95

test-slow: $(READY)
	$(PYTEST) -m slow

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(READY)
	set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

clean:
	rm -rf $(VENV) seewhy-demo .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2> /dev/null || true
