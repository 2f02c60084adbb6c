# What this needs from a machine: make and Python 3.11 or later. `make test` and `make bench` run on real Kafka where
# Java 17 and Maven are there, or Docker. `make` alone lists the targets.

VENV := .venv
BIN  := $(VENV)/bin
# Set by the steps below once an installation is complete; a change of what was asked for makes it again.
DEMO := $(VENV)/.installed-demo
DEV  := $(VENV)/.installed-dev
PIP  := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The project itself, from here; whatever it needs came with its hash from the lock file before.
PROJECT := --no-index --no-deps --no-build-isolation --editable .
# Most tests wait for servers more than they compute: three processes keep two cores busy, and a fourth has the seeds of
# the simulation played, for as long as the others take. Those of tests/unit compute, and each process more collects
# them once more. One file stays in one process.
BESIDE ?= --numprocesses $(if $(filter tests/unit%,$(ARGS)),2,4) --dist loadfile --no-loadscope-reorder
# Tests start hundreds of processes: they compile our modules once, also where the shell asks Python to keep nothing.
unexport PYTHONDONTWRITEBYTECODE
LOCKING := .stack/pip-tools
COMPILE := $(LOCKING)/bin/pip-compile --quiet --no-config --no-header --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	--build-deps-for editable --extra embedded --extra traces $(ARGS)

.DELETE_ON_ERROR:
.PHONY: help demo test check bench bench-schedule bench-offers bench-public faults simulate lock clean containers audit sbom

help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

demo: $(DEMO) ## a clinic day on the embedded broker and database; ARGS="--requests 500 --json"
	@$(BIN)/homecall demo $(ARGS)

test: $(DEV) ## all tests; ARGS="tests/unit -k calendar"
	@$(BIN)/python -m pytest $(BESIDE) $(ARGS)

check: $(DEV) ## style, types, imports, lock files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if grep -nE '://|^-|^[^ #]* @ ' requirements.lock requirements-dev.lock; then \
		echo "a lock file names an address or a pip option: make lock, with no such line left" >&2; exit 1; fi
	$(PIP) check

bench: $(DEV) ## the pipeline against the bare loop
	@$(BIN)/python -m bench $(ARGS)

faults: $(DEV) ## faults under load, judged from outside, and long tests; ARGS="--list", ARGS="--seed 7 --scenario zombie --json"
	$(if $(findstring --list,$(ARGS))$(findstring --scenario,$(ARGS)),,@$(BIN)/python -m pytest -m long >&2)
	@$(BIN)/python -m tests.faults $(ARGS)

simulate: $(DEV) ## seeded histories on a simulated Kafka and MongoDB; ARGS="--seeds 1000 --from 1 --json", ARGS="--replay 7"
	@$(BIN)/python -m tests.simulation --kept $(ARGS)

bench-schedule: $(DEV) ## ways to plan a clinic day, side by side; ARGS="--seed 1 --days 3 --json"
	@$(BIN)/python -m bench.schedule $(ARGS)

bench-public: $(DEV) ## our days as EURO-NeurIPS 2022 dynamic instances, and our ratio; ARGS="--into DIR --epoch 900 --json"
	@$(BIN)/python -m bench.public $(ARGS)

bench-offers: $(DEV) ## how long GET /offers takes on a full day; ARGS="--json"
	@$(BIN)/python -m bench.offers $(ARGS)

containers: $(DEV) ## the image, fixtures and compose, tried; ARGS="--three-brokers"
	@$(BIN)/python -m tests.containers $(ARGS)

audit: $(DEV) ## what is known against the locked versions; ARGS="--advisories DIR" asks nobody
	@$(BIN)/python -m tests.supply.audit $(ARGS)

sbom: $(DEV) ## a CycloneDX bill of materials of what runs, and its licences, into build/
	@$(BIN)/python -m tests.supply.sbom $(ARGS)

lock: $(LOCKING) ## the lock files again, from pyproject.toml; ARGS=--upgrade for newer versions
	@$(COMPILE) --output-file requirements.lock pyproject.toml
	@$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	@$(call head,requirements.lock,what runs$(comma) the embedded stack$(comma) and the build.)
	@$(call head,requirements-dev.lock,all of requirements.lock$(comma) and the tools to develop with.)

comma := ,
head = { echo '\# Made by "make lock" from pyproject.toml: $(2)'; cat $(1); } > $(1).new && mv $(1).new $(1)

clean: ## whatever was made here, the virtual environment and the cached jars too
	rm -rf $(VENV) .stack build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@echo "Making a virtual environment in $(VENV) …"
	@for python in python3.11 python3.12 python3.13 python3; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "no Python 3.11 or later found as python3.11, python3.12, python3.13 or python3: install one" >&2; exit 1

$(DEMO): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing Homecall and its packages into $(VENV), once: one to five minutes …"
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install $(PROJECT)
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing Homecall, its packages and the tools for development into $(VENV), once: some minutes …"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install $(PROJECT)
	@touch $@ $(DEMO)

$(LOCKING): | $(BIN)/python
	@$(BIN)/python -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check --quiet install pip-tools==7.6.2
