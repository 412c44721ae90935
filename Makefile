# Needs Python 3.11 or later and make, nothing else. `make help` lists the targets.

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
RATE ?= 1000
SECONDS ?= 600
MIX ?= default
# Of `make test`, each with servers of its own. One more than there are cores: half of a test is waiting.
WORKERS ?= 3

VENV := .venv
BIN := $(VENV)/bin
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# One stamp per version, so that another PYTHON gets an environment of its own kind.
INSTALLED := $(VENV)/installed-$(PYTHON_VERSION)
# For every platform and every Python that we support, and silent about where packages come from.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' pyproject.toml

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Ctrl-C reaches whatever runs. For scripts: of signals to make alone it passes on SIGTERM, and keeps SIGINT to itself.
.PHONY: demo
demo: export PORT := $(PORT)
demo: $(INSTALLED) ## run everything on http://127.0.0.1:8000 (PORT=8001 for another port); Ctrl-C stops it
	@$(BIN)/python -m devstack demo

.PHONY: demo-reset
demo-reset: $(INSTALLED) ## drop the demo's data
	@$(BIN)/python -m devstack reset

.PHONY: test
test: $(INSTALLED) ## run the tests (ARGS="-k bell -x" goes to pytest, WORKERS=0 runs one after the other)
	@$(BIN)/python -m devstack.chromium
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

.PHONY: screenshots
screenshots: $(INSTALLED) ## take the pictures of the bell and the demo in docs/screenshots anew
	@$(BIN)/python -m devstack.chromium
	$(BIN)/python -m pytest --quiet tests/browser/screenshots.py tests/browser/demo_screenshots.py

.PHONY: lint
lint: $(INSTALLED) ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

.PHONY: bench
bench: $(INSTALLED) ## measure throughput and latency on this machine (ARGS= goes to the benchmark)
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-outbound
bench-outbound: $(INSTALLED) ## measure what mails, pushes and digests cost (ARGS=--quick for small rounds)
	$(BIN)/python -m benchmarks.outbound $(ARGS)

.PHONY: bench-reads
bench-reads: $(INSTALLED) ## measure list, count and preferences at 1,000,000 rows (ARGS=--quick for a tenth)
	@$(BIN)/python -m benchmarks.reads $(ARGS)

.PHONY: bench-sockets
bench-sockets: $(INSTALLED) ## measure 10,000 open sockets in one web process (ARGS=--quick for 500)
	$(BIN)/python -m benchmarks.sockets $(ARGS)

.PHONY: bench-growth
bench-growth: $(INSTALLED) ## measure what grows, and what it costs (ARGS=--quick, ARGS="recipients latency")
	@$(BIN)/python -m benchmarks.growth $(ARGS)

.PHONY: load
load: $(INSTALLED) ## load everything steadily and account for every event (RATE=1000 SECONDS=600 MIX=default)
	@$(BIN)/python -m benchmarks.load --rate $(RATE) --seconds $(SECONDS) --mix $(MIX) $(ARGS)

.PHONY: drills
drills: $(INSTALLED) ## break things under load and account for every event (ARGS="sqs --seconds 30" for one of them)
	@$(BIN)/python -m drills $(ARGS)

.PHONY: soak
soak: SECONDS = 3600
soak: $(INSTALLED) ## break everything by chance, for an hour, and account for every event (SECONDS=3600 SEED=7)
	@$(BIN)/python -m drills storm --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: wheel
wheel: $(INSTALLED) ## build what a producer installs into dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist ./notifications_producer
	@ls dist/notifications_producer-*.whl

.PHONY: lock
lock: $(INSTALLED) ## pin the requirements anew after a change of pyproject.toml (ARGS=--upgrade for new releases)
	$(BIN)/$(LOCK) $(ARGS) --output-file requirements.txt
	$(BIN)/$(LOCK) $(ARGS) --output-file requirements-dev.txt --extra dev --constraint requirements.txt
	$(BIN)/$(LOCK) $(ARGS) --output-file requirements-audit.txt --extra dev --extra audit --constraint requirements-dev.txt

$(INSTALLED): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	@echo "Preparing $(VENV): once, for a minute or two."
	@test -x $(BIN)/pip$(PYTHON_VERSION) || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m devstack.packages requirements-dev.txt
	@touch $@

# The tools of `make audit`, `make coverage` and `make mutants`, beside those of the tests.
AUDIT_INSTALLED := $(VENV)/installed-audit-$(PYTHON_VERSION)
$(AUDIT_INSTALLED): requirements-audit.txt $(INSTALLED)
	@$(BIN)/python -m devstack.packages requirements-audit.txt
	@touch $@

# What needs no network comes first. OSV is told names and versions; without it nothing is called clean.
.PHONY: audit
audit: $(AUDIT_INSTALLED) ## look for weak code, weak settings and packages with known vulnerabilities
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive .
	@SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(48))') \
		$(BIN)/dotenv --file .env.example run --no-override -- \
		$(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(BIN)/python -c 'import requests; requests.get("https://api.osv.dev", timeout=10)' 2>/dev/null || \
		{ echo "api.osv.dev does not answer: whether packages have known vulnerabilities is not known."; exit 2; }
	$(BIN)/pip-audit --vulnerability-service osv --disable-pip --require-hashes --strict \
		--progress-spinner off --requirement requirements-audit.txt

.PHONY: coverage
coverage: $(AUDIT_INSTALLED) ## run the tests and list which lines and branches they leave out (ARGS= as for test)
	@$(BIN)/python -m devstack.chromium
	@rm -rf var/coverage && mkdir -p var/coverage
	$(BIN)/python -m coverage run -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

.PHONY: mutants
mutants: $(AUDIT_INSTALLED) ## change what decides and makes digests in 400 ways, and list what no test notices
	@$(BIN)/python -m tests.mutants $(ARGS)
