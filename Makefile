# Everything a person does with this checkout. Each target makes its own set-up; only bench-slurm needs root.
PYTHON ?= python3
BIN := .venv/bin
# The kernel is compiled while packages are fetched. Several targets follow each other: fix check.
ifeq ($(words $(MAKECMDGOALS)),1)
MAKEFLAGS += --jobs=3
endif

.PHONY: help demo serve ready test check fix bench bench-slurm attack docs migration messages lock clean

help:            ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/kernel.stamp .venv/blueprints.stamp  ## The whole job, from application to trained model, in minutes
	@$(BIN)/allmende demo $(ARGS)

serve: .venv/kernel.stamp  ## The portal on http://127.0.0.1:8000, with the daemon that runs jobs
	@$(BIN)/allmende serve $(ARGS)

ready: .venv/kernel.stamp .venv/dev.stamp .venv/blueprints.stamp  ## Everything that the other targets install and compile

test: ready  ## All tests, with the coverage gates
	@tools/test.sh $(ARGS)

check: .venv/dev.stamp  ## Format, lint, types, architecture, house rules; writes nothing
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	PYTHONPATH=src $(BIN)/lint-imports --no-cache
	$(BIN)/pytest tests/house

fix: .venv/dev.stamp  ## Format and mend what a machine can mend
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

bench: .venv/dev.stamp .venv/kernel.stamp  ## Benchmarks, each with its ratio to a peer in the same run
	$(BIN)/python -m bench

bench-slurm: .venv/dev.stamp  ## A guarantee on a real Slurm, beside fair-share alone: 18 minutes, as root
	$(BIN)/python -m bench slurm

attack: .venv/dev.stamp  ## Search for a workload that breaks the guarantee: ARGS="--seconds 300 --seed 1"
	@$(BIN)/python -m tests.domain.scheduling.attack $(ARGS)

docs: .venv/dev.stamp  ## Write the generated pages: state diagrams, command and API reference
	$(BIN)/python -m tools.docs

migration: .venv/dev.stamp  ## Write a migration for what changed in the tables
	DJANGO_SETTINGS_MODULE=allmende.wiring.settings $(BIN)/python -m django makemigrations storage

messages: .venv/dev.stamp  ## Collect the sentences to translate, and compile the translations
	$(BIN)/python -m tools.messages

lock: .venv/dev.stamp  ## Renew the lock files from pyproject.toml
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile -q --no-emit-index-url --no-emit-find-links --generate-hashes --strip-extras --no-header --allow-unsafe -U -o requirements/run.lock pyproject.toml
	cd requirements && ../$(BIN)/pip-compile -q --no-emit-index-url --no-emit-find-links --generate-hashes --strip-extras --no-header --allow-unsafe -U -o dev.lock dev.in

clean:           ## Forget the environment and everything the demo made
	rm -rf .venv var

.venv/bin/python:
	@echo "Making the environment .venv (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Allmende needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv

# --no-deps: the lock files are complete. Resolving again would meet versions that are newer than they.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps

.venv/run.stamp: requirements/run.lock pyproject.toml | .venv/bin/python
	@echo "Installing the pinned packages (once) ..."
	@$(INSTALL) --require-hashes -r requirements/run.lock
	@$(INSTALL) --editable .
	@touch $@

.venv/kernel.stamp: .venv/run.stamp
	@echo "Compiling the kernel (once) ..."
	@$(BIN)/allmende twin prepare
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/run.stamp
	@echo "Installing the tools for tests and checks (once) ..."
	@$(INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

.venv/blueprints.stamp: $(wildcard blueprints/*/requirements.lock) .venv/run.stamp
	@$(BIN)/allmende blueprint prepare --all
	@touch $@
