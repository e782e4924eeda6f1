# Every target explains itself: `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: help install demo stop check test chaos bench bench-quick clean

help: ## Show what each target does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(INSTALLED) ## Install into .venv, exactly what requirements.lock says

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## Start Kafka, the registry and the workers, and build the example wall
	@$(BIN)/thewall up
	@$(BIN)/thewall worker --background
	@$(BIN)/thewall submit docs/exercise.conf --wait
	@echo
	@echo "The workers go on in the background. Try next:"
	@echo "  $(BIN)/thewall submit docs/exercise.conf --wall four --crews 4 --wait"
	@echo "  $(BIN)/thewall overview default --day 3"
	@echo "  $(BIN)/thewall console wall.daily --from-beginning --max-messages 5"
	@echo "  curl http://127.0.0.1:$${THEWALL_WEB_PORT:-6066}/profiles/1/days/1/"
	@echo "Stop with: make stop"

stop: ## Stop the background workers, Kafka and the registry; their data stays
	@$(BIN)/thewall worker --stop
	@$(BIN)/thewall down

check: install ## Lint, format, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict domain streams
	$(BIN)/lint-imports --no-logo

test: check ## Run every check and every test, on a real Kafka and a real registry
	$(BIN)/pytest

chaos: install ## Kill, stop and starve everything under load: SEED=n FAULTS=n STORE=rocksdb
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --faults $(or $(FAULTS),20) \
		--store $(or $(STORE),memory)

bench: install ## Measure everything beside the peers, and write a report: REPORT=dir ROUNDS=n
	$(BIN)/python -m bench report $(or $(REPORT),.report) --rounds $(or $(ROUNDS),3)

bench-quick: install ## Measure the main ratios; the last line is one JSON object
	@$(BIN)/python -m bench quick

clean: ## Remove what install and the tests leave here
	rm -rf .venv .report .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
