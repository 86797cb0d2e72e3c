# Each target does all its own set-up: a first `make up` or `make test` needs Python 3.11 or later, make, a C compiler
# and a package registry; a second one starts at once. Versions are those of constraints.txt.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SOURCES := src tests benchmarks docs

# Processes of the test run: one for each core, two at least and four at most.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$(( n < 2 ? 2 : n > 4 ? 4 : n )))

.PHONY: help up test check fix bench constraints clean

help:  ## Say what there is.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(VENV)/.product  ## Start the inn on http://127.0.0.1:8000 with the models it finds.
	@exec $(BIN)/innkeeper up

test: $(VENV)/.dev  ## Run every test, with coverage.
	@$(BIN)/python -m tests.fetch_minilm
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term

check: $(VENV)/.dev  ## Format, lint, types, contracts between packages, dependencies, pins, generated pages.
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { echo "Run 'make fix'."; exit 1; }
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy --no-error-summary
	@said=$$($(BIN)/lint-imports --no-cache --no-logo 2>&1) || { echo "$$said"; exit 1; }
	@said=$$($(BIN)/deptry --no-ansi src 2>&1) || { echo "$$said"; exit 1; }
	@$(BIN)/python -m docs.generate --check
	@$(BIN)/python -m pytest -q --no-header tests/project/test_dependencies.py || { echo "Run 'make constraints'."; exit 1; }
	@echo "All checks pass."

fix: $(VENV)/.dev  ## Format, repair what can be repaired, write the generated pages anew.
	@$(BIN)/ruff format --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet --fix $(SOURCES)
	@$(BIN)/python -m docs.generate

bench: $(VENV)/.dev  ## Measure; results with their conditions go to benchmarks/RESULTS.md.
	@$(BIN)/python -m benchmarks

constraints: $(VENV)/.made  ## Renew constraints.txt: the newest versions that work together.
	@$(BIN)/python -m venv --clear $(VENV)/renewal
	@$(VENV)/renewal/bin/python -m pip install --quiet --upgrade pip hatchling
	@$(VENV)/renewal/bin/python -m pip install --quiet -e '.[hub,recall,postgres,podcast,speech,audio]' --group dev
	@$(VENV)/renewal/bin/python -m pip freeze --all --exclude-editable | grep -v '^setuptools==' > constraints.txt
	@rm -rf $(VENV)/renewal

clean:  ## Remove what the other targets made.
	rm -rf $(VENV) .cache .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(VENV)/.made: constraints.txt
	@python=; for one in $${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do \
	    if "$$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$one; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "Innkeeper needs Python 3.11 or later and finds none. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ]; then \
	    echo "Making $(VENV) with $$("$$python" --version) …"; \
	    "$$python" -m venv $(VENV) || { \
	        rm -rf $(VENV); \
	        echo "Python could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	        exit 1; \
	    }; \
	fi
	@$(INSTALL) pip
	@touch $@

$(VENV)/.product: $(VENV)/.made pyproject.toml
	@echo "Installing Innkeeper into $(VENV) …"
	@$(INSTALL) --build-constraint constraints.txt -e '.[hub,recall,postgres,podcast,speech]'
	@touch $@

$(VENV)/.dev: $(VENV)/.product
	@echo "Installing what tests and checks need …"
	@$(INSTALL) --group dev
	@touch $@
