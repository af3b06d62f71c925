# Every command sets up what it needs by itself. `make` lists them.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := uv==0.13.9
BIN := .venv/bin
READY := .venv/.ready
LOCK := requirements-dev.lock
PY := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help setup up down status demo test test-pressed test-containers interop check audit mypy pyright docs bench images compose-up compose-down format lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Made anew when the locked versions change; instant otherwise.
$(READY): $(LOCK)
	@echo "setting up .venv with the locked versions (once, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) lacks venv: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check $(UV)
	@$(BIN)/uv pip install --quiet --python $(PY) --require-hashes -r $(LOCK)
	@touch $@

setup: $(READY) ## the virtual environment and the two servers (the others do this by themselves)
	@$(PY) -m stack setup

up: $(READY) ## bring everything up and keep it up until Ctrl-C
	@$(PY) -m stack up

down: $(READY) ## end what `make up` brought up
	@$(PY) -m stack down

status: $(READY) ## say what runs, and whether it is ready
	@$(PY) -m stack status

demo: setup ## run every scenario on a stack of its own, with a table at the end
	@$(PY) -m scenarios demo

# With PRESSURE=1, two processes keep the cores busy and one the disk while the tests run.
PRESSED := $(if $(PRESSURE),$(PY) -m tests.pressure)

# Those that wait most for others: elections, leases, brokers that come back, programs that start.
TENTH := tests/postbox/{consumer,mongo,outbox,rabbitmq} tests/relay/test_{faults,lease,sources,tokens}.py tests/stack
APART := $(if $(WITHOUT_TENTH),$(addprefix --ignore=,$(TENTH)))

# Most tests wait more than they work, so that two at once take two thirds of the time. Those in
# containers take both cores, and each other's engine.
test: setup ## run all tests; those in containers where an engine can be had (PRESSURE=1: on a busy machine)
	@$(PY) -m tests.console.chromium
	@$(PRESSED) $(PY) -m pytest --numprocesses 2 --durations 20 --ignore tests/integration $(APART)
	@$(PRESSED) $(PY) -m pytest tests/integration

test-pressed: setup ## run a tenth of the tests on a busy machine, those that wait most for others
	@$(PY) -m tests.pressure $(PY) -m pytest --numprocesses 2 $(TENTH)

test-containers: setup ## run only the tests that kill containers
	@$(PY) -m pytest tests/integration

interop: setup ## other programs' clients at real servers, with Node and Java: write docs/interop-table.md (CHECK=1: compare)
	@$(PY) -m tests.interop $(if $(CHECK),--check)

check: $(READY) ## format, lint, types, arrows of import, and what is generated from code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs 2 --output-sync mypy pyright
	$(BIN)/lint-imports --no-cache
	$(PY) -m tests.secrets_check
	$(PY) -m tests.architecture.picture --check
	$(PY) -m contracts.schemas --check
	$(PY) -m tests.asyncapi_doc --check
	$(PY) -m tests.saga_doc --check
	$(PY) -m tests.faults_doc --check
	$(PY) -m tests.configuration_doc --check
	$(PY) -m tests.api_doc --check
	$(PY) -m website --check

audit: $(READY) ## known vulnerabilities of the locked versions; needs the network, and says so
	@$(PY) -m tests.audit

mypy: $(READY)
	$(BIN)/mypy

# What users see: the examples, the public interface in use, and that all of it is typed.
pyright: $(READY)
	$(BIN)/pyright
	@PYTHONPATH=. PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --verifytypes postbox --ignoreexternal \
		| grep -B 1 -E ' error: |^Type completeness score'; exit $${PIPESTATUS[0]}

docs: $(READY) ## make the docs site, and check every link
	@$(PY) -m website

bench: setup ## measure, beside the raw limits of the same servers
	@$(PY) -m bench

images: $(READY) ## every container image: pulled where that is possible, else built here
	@$(PY) -m deploy images

compose-up: $(READY) ## the whole system in containers (PROFILE=cluster: three servers of each kind)
	@$(PY) -m deploy up --profile "$(PROFILE)"

compose-down: $(READY) ## end what `make compose-up` brought up; its data stays
	@$(PY) -m deploy down

format: $(READY) ## format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## resolve the locked versions anew
	$(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --no-header --all-extras \
		--python-version 3.11 --universal --upgrade -o $(LOCK) pyproject.toml
	$(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --no-header \
		--python-version 3.11 --universal --extra booking --extra stripe --constraints $(LOCK) -o requirements.lock pyproject.toml

clean: ## end what runs, and remove everything that can be made again, data included
	@if [ -x $(PY) ]; then $(PY) -m stack down; fi
	rm -rf .local .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
