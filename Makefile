# Everything a newcomer types. `make demo` and `make test` set themselves up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first interpreter that is new enough; override with `make PYTHON=/path/to/python install`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
STAMP := .venv/.installed-$(shell cat pyproject.toml requirements.lock | cksum | cut -d' ' -f1)

.PHONY: help install demo test check preview screenshots lock clean

help: ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t22

install: $(STAMP) ## Make the environment (.venv) with all development dependencies

$(STAMP): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Mailwright needs Python 3.11 or newer: install it, or name one with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (on Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Setting up .venv (about a minute the first time)…" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f .venv/.installed-* && touch $@

demo: install ## Run the newsletter of the example shop, from its data to a stand-in ESP on this machine
	@test -f examples/shop/data/profiles.csv || $(BIN)/python examples/shop/generate.py
	@rm -rf examples/shop/out
	@$(BIN)/mailwright run newsletter --workspace examples/shop --stub-esp \
		--occasion "demo-$$(date -u +%Y%m%dT%H%M%S)" --samples examples/shop/out
	@$(BIN)/mailwright results newsletter --workspace examples/shop --rehearsal --simulate
	@echo "Sample mails: examples/shop/out. In the browser: make preview"

preview: install ## Look at the example shop's mails in the browser
	@test -f examples/shop/data/profiles.csv || $(BIN)/python examples/shop/generate.py
	@$(BIN)/mailwright preview --workspace examples/shop

screenshots: install ## Take the README's pictures of the preview (docs/images/preview-*.png)
	@scripts/test-services
	@$(BIN)/python scripts/screenshots.py

test: install ## Run all tests; installs PostgreSQL and Chromium for them where they are missing
	@scripts/test-services
	@$(BIN)/python -m pytest -n auto --dist loadgroup

check: install ## Lint, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean: ## Remove what the example made (not .venv)
	rm -rf examples/shop/data examples/shop/assets examples/shop/out examples/shop/.mailwright

lock: ## Pin the newest versions that pyproject.toml allows, with hashes (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-header --quiet --upgrade --output-file requirements.lock
