# `make harness` and `make test` are all that most people need; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV ?= $(if $(wildcard $(BIN)/uv),$(BIN)/uv,uv)
# Every file of requirements is complete and pinned by hash: nothing is resolved, so nothing that an
# index has released since can change or break what is installed.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --no-deps
PIP_CHECK := $(BIN)/python -m pip --disable-pip-version-check check --quiet
# Another pip than the one that Python brings: CI takes the oldest that is supported.
PIP_VERSION ?=
# Says what is done, does it, and says how long it took; two such steps may go on at once.
step = echo "$(1) ..."; start=$$(date +%s); $(2) && echo "$(1): done in $$(($$(date +%s) - start)) s"
# Installs a file of requirements.
install = $(call step,installing $$(grep -c '==' $(1)) packages of $(1),$(PIP) --require-hashes -r $(1) && $(PIP_CHECK))
BENCHMARKS := $(filter-out __init__,$(basename $(notdir $(wildcard benchmarks/*.py))))

# The dashboard's page is built where Node.js is there, and everything else works without it.
NODE := $(shell node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null && command -v npm >/dev/null && echo yes)
PAGE := flaky_load_balancer/dashboard/manifest.json
PAGE_SOURCES := $(wildcard dashboard/*.ts dashboard/*.mjs dashboard/scripts/*.mjs) $(shell find dashboard/src -type f -not -name '*.test.*')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
ifndef AT_ONCE
.NOTPARALLEL:
endif
.PHONY: help harness gateway test coverage test-slow setup dashboard check bench reproduce results peers pictures format types lock \
	clean page intention

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'make a5         a study of choosing by context, with its plots in studies/; also $(STUDIES)'
	@echo 'ARGS="..." passes flags on, as in: make harness ARGS="--requests 50 --no-dashboard"'

harness: intention setup ## the main job: every strategy against flaky servers, live
	@$(BIN)/flb harness $(ARGS)

intention:
	@echo 'make harness: installs what is missing, then starts servers, balancer and dashboard: flb harness $(ARGS)'

gateway: setup ## the LLM gateway learns on fake providers: 500 questions, a minute, and a report
	@$(BIN)/flb gateway $(ARGS)

test: setup $(VENV)/.dev ## every test but the slow ones, in parallel
	@$(BIN)/python -m pytest --no-header -n auto --dist worksteal -m 'not slow' $(ARGS)

coverage: setup $(VENV)/.dev ## the same, and which lines they do not reach (takes half as long again)
	@$(BIN)/python -m pytest --no-header -n auto --dist worksteal -m 'not slow' --cov $(ARGS)

test-slow: setup $(VENV)/.dev ## the tests that take longer
	@$(BIN)/python -m pytest --no-header -n auto --dist worksteal -m slow $(ARGS)

setup: ## only the installing: .venv/bin/flb, and the dashboard that it serves
	@$(MAKE) --no-print-directory --jobs=2 AT_ONCE=yes $(VENV)/.setup page

dashboard: setup ## the dashboard's dev server; FLB_ADMIN=http://127.0.0.1:8001 is the balancer that it asks
	@cd dashboard && npm run --silent dev

check: setup $(VENV)/.dev ## what CI runs: format, lint, types, import rules, all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(if $(NODE),cd dashboard && npm run --silent check,@echo 'not checked: the dashboard, as Node.js 20 or newer is missing')
	@$(MAKE) --no-print-directory test || $(ALONE)
	@$(MAKE) --no-print-directory test-slow || $(ALONE)

# Where a machine is too busy, what fails beside other tests is asked once more; what fails twice fails.
ALONE = { echo 'once more, alone: what failed beside others'; $(BIN)/python -m pytest --no-header -rA --last-failed --last-failed-no-failures none; }

STUDIES := a2 a3 a4 a5 a6 a8 crossed budget prior steps hundred
.PHONY: $(STUDIES)
$(STUDIES): setup $(VENV)/.dev
	@$(BIN)/flb study $@ --out studies $(ARGS)

bench: setup $(VENV)/.bench ## benchmarks against peers, printed as ratios
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS); done

reproduce: setup ## published results, as measured here; ARGS=--quick leaves out those that take minutes
	@$(BIN)/python -m benchmarks.reproduction $(ARGS)

results: setup $(VENV)/.dev ## docs/results.md: every strategy on every scenario, in about ten minutes; ARGS="loads hurry" is who wins at which load, and what waiting buys
	@$(BIN)/python -m benchmarks.results $(ARGS)

peers: setup $(VENV)/.peers ## nginx, HAProxy and Envoy before the same servers, live, in about six minutes
	@$(BIN)/python -m benchmarks.peers $(ARGS)

pictures: setup ## the pictures of the README, from races on a machine that has nothing else to do
	@$(BIN)/python docs/pictures.py

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
	$(LOCK) --extra dev --extra results --extra learners --extra postgres --extra ray --extra redis --extra tune --constraint requirements/runtime.txt --output-file requirements/dev.txt $(ARGS)
	$(LOCK) --group build --extra postgres --extra redis --constraint requirements/dev.txt --constraint requirements/runtime.txt --output-file requirements/image.txt $(ARGS)
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
	@echo 'a new environment in $(VENV)/; nothing outside this folder is touched'
	@$(PYTHON) -m venv $(VENV)
	@test -z '$(PIP_VERSION)' || $(BIN)/python -m pip install --quiet --quiet 'pip==$(PIP_VERSION)'
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt $(VENV)/.python
	@$(call install,$<)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@$(call install,$<)
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@$(call install,$<)
	@touch $@

$(VENV)/.peers: requirements/peers.txt $(VENV)/.dev
	@$(call install,$<) || echo 'Envoy cannot be installed here, and is skipped'
	@touch $@

$(VENV)/.setup: pyproject.toml $(VENV)/.runtime
	@$(PIP) --no-build-isolation --editable . && $(PIP_CHECK)
	@touch $@

ifeq ($(NODE),yes)
page: $(PAGE)
else
page:
	@echo 'the dashboard is not built, as Node.js 20 or newer is missing; everything else works'
endif

dashboard/node_modules/.package-lock.json: dashboard/package-lock.json
	@$(call step,installing dashboard/node_modules/,(cd dashboard && npm ci --loglevel=error --no-audit --no-fund --no-progress >/dev/null))
	@touch $@

$(PAGE): dashboard/node_modules/.package-lock.json $(PAGE_SOURCES)
	@$(call step,building the dashboard,{ (cd dashboard && npm run --silent build >build.log 2>&1) || { cat dashboard/build.log >&2; exit 1; }; })
