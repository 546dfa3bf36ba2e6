# make build [PART=xc7z020]   a verified HLS project in hls_projects/
# make test                   the tests (under 10 minutes)
# Both set up the .venv they need; no network but the package registry.

PART ?= xc7z020
PYTHON ?= $(shell command -v python3.11 || command -v python3.10 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: build test test-slow fuzz lint types format venv clean

build: $(STAMP)
	$(BIN)/python scripts/build_hls.py --part $(PART)

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow and not network" -n 2 --dist loadfile

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not network"

# A million damaged files through the readers of foreign weights, 100,000 through HDF5 (half an hour).
fuzz: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fuzz]"
	PYTHONPATH=tests $(BIN)/python -m fuzz.fuzz_readers --inputs 1000000
	PYTHONPATH=tests $(BIN)/python -m fuzz.fuzz_hdf5 --inputs 100000

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

venv: $(STAMP)

$(STAMP): pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 12))' || \
	  { echo "error: Python 3.10 or 3.11 is needed, not $$("$(PYTHON)" --version 2>&1); name one with PYTHON=/path/to/python3.11" >&2; exit 5; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
