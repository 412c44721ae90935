.DEFAULT_GOAL := help
PYTHON ?= python3

.PHONY: help test lint
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /	/'

.venv/installed: requirements-dev.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r requirements-dev.txt
	touch $@

test: .venv/installed ## run the tests
	.venv/bin/python -m pytest $(ARGS)

lint: .venv/installed ## style, types, import directions
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
