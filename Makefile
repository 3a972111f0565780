# `make demo` and `make test` are all that a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test audit lint bench docs catalogues browser clean

demo: $(STAMP)
	$(BIN)/aisys demo --dir build/demo

test: $(STAMP) lint
	$(BIN)/python -m pytest
	$(BIN)/aisys course check --seeds 2

# Hours, and for whoever changes a check: every seed, every check, every mutant.
audit: $(STAMP)
	$(BIN)/aisys course check --all-checks --seeds 20 --chaff-seeds 20
	$(BIN)/aisys course check --matrix --seeds 1
	$(BIN)/aisys course check --mutants

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python benchmarks/bench.py

# The site, into build/site; a warning is an error.
docs: $(STAMP)
	$(BIN)/aisys help commands > docs/reference/commands.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# After a change of aisys.po.
catalogues: $(STAMP)
	$(BIN)/pybabel compile -d aisys_cli/locale -D aisys

# What tests/browser needs, on Debian and Ubuntu.
browser:
	apt-get install -y chromium

# constraints.txt pins torch: an unpinned one is several gigabytes of GPU libraries.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"aisys needs Python 3.11 or newer, this is {v.major}.{v.minor}; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build
