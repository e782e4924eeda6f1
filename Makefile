# Every target explains itself: `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# What running needs; and, beyond it, what checks and tests need.
RUNNABLE := .venv/runnable
INSTALLED := .venv/installed
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

# The page: TypeScript, built into package data by a Node that comes as a wheel.
PAGE := streams/web/page
PAGE_SOURCES := $(shell find $(PAGE)/src $(PAGE)/public $(PAGE)/*.* -type f -not -name schema.d.ts \
	-not -name openapi.json)
BUILT := streams/web/static/index.html
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(PAGE) --loglevel error
NPM_CI := $(NPM) ci --ignore-scripts --no-audit --no-fund --silent

UV := .venv/uv/bin/uv
LOCK := $(UV) pip compile --quiet pyproject.toml --generate-hashes --universal --no-header \
	--python-version 3.11

# Processes that run tests side by side; most of an integration test is waiting.
JOBS ?= 3
SIDE_BY_SIDE := -n $(JOBS) --dist loadgroup

# What writes down what the Python packages are; the page's npm can do that itself.
CYCLONEDX := .venv/sbom/bin/cyclonedx-py

.PHONY: help install demo stop check compose-check wheel-check docs fix unit integration test covered \
	covered-beside coverage pythons sbom browser prometheus screenshots chaos battery bench bench-quick lock clean

help: ## Show what each target does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(INSTALLED) $(BUILT) ## Install into .venv, exactly what the lock files say, and build the page

$(RUNNABLE): requirements-run.lock pyproject.toml $(PAGE)/package-lock.json
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements-run.lock
	$(PIP) --no-deps --no-build-isolation -e .
	$(NPM_CI) --omit=dev
	@touch $@

$(INSTALLED): requirements.lock $(RUNNABLE)
	$(PIP) --require-hashes -r requirements.lock
	$(NPM_CI)
	@touch $@

$(BUILT): $(RUNNABLE) $(PAGE_SOURCES)
	$(NPM) run --silent build -- --logLevel warn

demo: $(RUNNABLE) $(BUILT) ## Start Kafka, the registry and the workers, and build the example wall
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
	@echo
	@echo "The wall, in a browser: http://127.0.0.1:$${THEWALL_PAGE_PORT:-6060}/"

stop: ## Stop the background workers, Kafka and the registry; their data stays
	@$(BIN)/thewall worker --stop
	@$(BIN)/thewall down

check: install ## Lint, format, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict domain streams
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m streams.web.description > $(PAGE)/openapi.json
	$(NPM) run --silent types >/dev/null
	$(NPM) run --silent check

compose-check: install ## Check docker-compose.yml and Dockerfile, without an engine
	$(BIN)/pytest -q tests/unit/test_compose.py

wheel-check: install ## Install the wheel where nothing else is, on each Python of this machine, and use it
	.ci/wheel

docs: install ## Write docs/reference and the dashboards anew, from the code
	$(BIN)/python -m docs.generate
	$(BIN)/python -m dashboards

fix: install ## Fix what ruff can fix, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: install ## Run the unit and stage tests: no Kafka
	$(NPM) run --silent test
	$(BIN)/pytest tests/unit tests/stages

integration: install ## Run the tests on a real Kafka and a real registry: JOBS=n at once
	$(BIN)/pytest $(SIDE_BY_SIDE) --ignore=tests/unit --ignore=tests/stages

test: check ## Run every check and every test: JOBS=n at once
	@$(MAKE) --no-print-directory --jobs 2 integration covered-beside

# While the integration tests wait, which have deadlines; shown when it is done.
covered-beside:
	@log=$$(mktemp); nice $(MAKE) --no-print-directory covered >$$log 2>&1; status=$$?; \
		cat $$log; rm $$log; exit $$status

covered: install
	$(NPM) run --silent test
	@rm -rf .coverage
	$(BIN)/coverage run -m pytest -n 2 tests/unit tests/stages
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='domain/*' --skip-covered --fail-under=98
	$(BIN)/coverage report --include='streams/agents/*' --skip-covered --fail-under=87

coverage: install ## Show what all tests reach together, worker processes included
	@rm -rf .coverage
	$(BIN)/coverage run -m pytest $(SIDE_BY_SIDE)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --skip-empty

pythons: install ## Run the unit and stage tests on the newer Pythons of this machine, and wheel-check
	.ci/pythons
	.ci/wheel

$(CYCLONEDX):
	$(PYTHON) -m venv .venv/sbom
	.venv/sbom/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0

sbom: install $(CYCLONEDX) ## Write what the image and the page are made of into .sbom, as CycloneDX
	@mkdir -p .sbom
	@$(CYCLONEDX) requirements requirements-image.lock --pyproject pyproject.toml --short-PURLs \
		--output-reproducible --output-file .sbom/python.json 2>.sbom/python.log || \
		{ cat .sbom/python.log >&2; exit 1; }
	@$(NPM) sbom --sbom-format cyclonedx --package-lock-only --omit dev > .sbom/page.json
	@echo ".sbom/python.json and .sbom/page.json: $$(cat .sbom/*.json | grep -c '"purl"') packages"

browser: ## Install Debian's Chromium, which the browser tests need (as root)
	apt-get update -qq
	apt-get install -y -qq chromium-headless-shell || apt-get install -y -qq chromium

prometheus: ## Install Debian's Prometheus, which the tests of dashboards and alerts need (as root)
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends prometheus

screenshots: install ## Take the pictures of docs/ anew, and measure how smoothly the page slides
	$(BIN)/python -m tests.browser.screenshots

chaos: install ## Kill, stop and starve everything under load: SEED=n FAULTS=n STORE=rocksdb BROKERS=3 GUARANTEE=exactly-once
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --faults $(or $(FAULTS),20) \
		--store $(or $(STORE),memory) --brokers $(or $(BROKERS),1) \
		--guarantee $(or $(GUARANTEE),at-least-once)

battery: install ## Throw generated foreign records at a worker: N=n SEED=n
	$(BIN)/python -m tests.battery --number $(or $(N),1000) --seed $(or $(SEED),1)

bench: install ## Measure everything beside the peers, and write a report: REPORT=dir ROUNDS=n
	$(BIN)/python -m bench report $(or $(REPORT),.report) --rounds $(or $(ROUNDS),3)

bench-quick: install ## Measure the main ratios; the last line is one JSON object
	@$(BIN)/python -m bench quick

$(UV):
	$(PYTHON) -m venv .venv/uv
	.venv/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

lock: $(UV) ## Resolve the lock files after a change of pyproject.toml; ARGS=--upgrade: anew
	$(LOCK) $(ARGS) --extra embedded --group dev -o requirements.lock
	$(LOCK) --extra embedded --group build -c requirements.lock -o requirements-run.lock
	$(LOCK) -c requirements.lock -o requirements-image.lock

clean: ## Remove what install and the tests leave here
	rm -rf .venv .report .sbom .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info \
		$(PAGE)/node_modules streams/web/static
