# Needs python3 (3.11 or newer) and make; everything else is fetched into .venv on the first run.
# A stamp in .venv that is newer than pyproject.toml means that there is nothing to set up.

PYTHON ?= python3
ARGS ?=
JOBS ?= 2

BIN := .venv/bin
STAMP := .venv/.ready
# Only what is there: a sparse checkout without examples still lints.
CODE := $(wildcard mechdesign examples tests benchmarks)
TOOLS := $(wildcard tools)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env demo test lint types layers pytest thorough incentives simulate sessions views explore boundaries phases transcripts network bench oracles endurance format clean

help: ## show this list
	@echo 'usage: make TARGET [ARGS="..."] [JOBS=2] [PYTHON=python3]'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(STAMP) ## build the environment in .venv if it is missing or out of date

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mechdesign needs Python 3.11 or newer: make PYTHON=...")'
	@echo "setting up .venv (once; about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: $(STAMP) ## four processes settle a sealed auction; options of `mechdesign demo` in ARGS
	@$(BIN)/mechdesign demo $(ARGS)

test: lint types layers pytest ## everything that must pass: lint, types, layer contracts, tests

lint: $(STAMP) ## ruff: rules and formatting
	$(BIN)/ruff check $(CODE) $(TOOLS)
	$(BIN)/ruff format --check $(CODE) $(TOOLS)

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy $(CODE)

layers: $(STAMP) ## import contracts between the layers
	$(BIN)/lint-imports --no-cache --no-logo

pytest: $(STAMP) ## tests and doctests only; options of pytest in ARGS
	$(BIN)/pytest -q -n $(JOBS) --dist worksteal $(ARGS)

thorough: $(STAMP) ## the cases that `make test` leaves out (a quarter of an hour)
	$(BIN)/pytest -q -n $(JOBS) --dist worksteal -m long $(ARGS)

incentives: $(STAMP) ## regenerate docs/incentives.md: every mechanism against every concept (ten minutes)
	$(BIN)/python -m mechdesign.testing.incentive_table docs/incentives.md --jobs $(JOBS)

simulate: $(STAMP) ## SEEDS=20000 simulated groups under attack, on JOBS processes; prints seeds a minute
	$(BIN)/python -m mechdesign.testing.campaign --seeds 0..$(or $(SEEDS),20000) --jobs $(JOBS)

sessions: $(STAMP) ## SESSIONS=200 at once beside every kind of cheat, liar and network, on JOBS processes
	$(BIN)/python -m mechdesign.testing.sessions --sessions $(or $(SESSIONS),200) --jobs $(JOBS) $(ARGS)

views: $(STAMP) ## SEEDS=3000 simulated groups whose members come and go
	$(BIN)/python -m mechdesign.testing.view_runs 0 $(or $(SEEDS),3000)

explore: $(STAMP) ## all small schedules of the order, with their counts
	$(BIN)/python -m mechdesign.testing.exploration --long --jobs $(JOBS)

boundaries: $(STAMP) ## a member crashes before each of its effects, in sessions and in changes of the members
	$(BIN)/python -m mechdesign.testing.boundaries --jobs $(JOBS)
	$(BIN)/python -m tests.group.test_view_crashes --jobs $(JOBS)

phases: $(STAMP) ## all interleavings of a session's phases, with their counts (half an hour)
	$(BIN)/python -m mechdesign.testing.phase_model --long --jobs $(JOBS)

transcripts: $(STAMP) ## the second verifier on every transcript that the tests produce (in one process, which sees them all; half an hour)
	$(BIN)/pytest -q -p tests.tools.every_transcript tests --ignore tests/group --ignore tests/transport --ignore tests/kernel --ignore tests/simulation/test_seeds.py
	$(BIN)/pytest -q -m long -p tests.tools.every_transcript tests/decision tests/mechanisms tests/security tests/simulation/test_stack_seeds.py tests/simulation/test_coins.py tests/simulation/test_balances.py tests/simulation/test_exclusion.py

network: $(STAMP) ## processes over sockets: a ring of sixteen, random kills, changes under load (twenty minutes)
	KILLS=20 KILL_SECONDS=60 $(BIN)/pytest -q -s -m "" tests/network

bench: $(STAMP) ## what sealing, leader slots and the transport cost on this machine
	$(BIN)/python -m benchmarks.sealing
	$(BIN)/python -m benchmarks.sessions
	$(BIN)/python -m benchmarks.slots
	$(BIN)/python -m benchmarks.transport

oracles: ## compare with independent libraries in .oracles, write golden results; options in ARGS
	@test -x .oracles/bin/python || $(PYTHON) -m venv .oracles
	@.oracles/bin/python -m pip install --quiet --disable-pip-version-check -r tools/oracles/requirements.txt
	PYTHONPATH=. .oracles/bin/python tools/oracles/compare.py $(ARGS)

endurance: $(STAMP) ## what a member holds after ROUNDS rounds (100000; half an hour)
	$(BIN)/python -m tests.group.endurance $(or $(ROUNDS),100000)
	$(BIN)/python -m tests.group.endurance $(or $(SIEGE_ROUNDS),10000) hostile
	$(BIN)/python -m tests.simulation.layer_endurance $(or $(LAYER_ROUNDS),6000)

format: $(STAMP) ## rewrite the code in the project's style
	$(BIN)/ruff check --fix $(CODE) $(TOOLS)
	$(BIN)/ruff format $(CODE) $(TOOLS)

clean: ## remove the environment, caches and builds
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
