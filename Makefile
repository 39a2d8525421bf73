# Everything that is done with this repository. On a fresh machine it needs python3 (3.11 or newer, with venv),
# make and git; the first target that runs makes .venv and installs the pinned packages.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Clients of Vault that the tests run and that were not written here: their packages stay out of ours.
FOREIGN       := $(VENV)/foreign
FOREIGN_STAMP := $(FOREIGN)/.installed
# The uploaders that the benchmarks measure beside ours.
PEERS       := $(VENV)/peers
PEERS_STAMP := $(PEERS)/.installed
BENCH_STAMP := $(VENV)/.installed-bench
MUTATION_STAMP := $(VENV)/.installed-mutation
# What is formatted, linted and type-checked: those of these folders that exist.
CODE   := $(wildcard asyncup tests examples benchmarks hatch_build.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # `check` runs its steps in the order in which they are written, with -j too
.PHONY: help demo bench bench-quick bench-readme picture test test-optimized soak scale coverage mutation check format \
	format-check lint types architecture constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## upload 256 MiB to an emulated Vault and compare what arrived
	$(BIN)/asyncup demo

bench-quick: $(BENCH_STAMP) $(PEERS_STAMP) ## the machine's limit, asyncup and its peers in one table; a minute
	$(BIN)/python -m benchmarks quick --json benchmarks/results/quick.json $(ARGS)

bench: $(BENCH_STAMP) $(PEERS_STAMP) ## every workload, and the plots; many minutes
	$(BIN)/python -m benchmarks full --json benchmarks/results/full.json $(ARGS)
	$(BIN)/python -m benchmarks timeline --json benchmarks/results/timeline.json
	$(BIN)/python -m benchmarks plots benchmarks/results --into docs/plots

bench-readme: $(BENCH_STAMP) ## the table in the README, from the last results
	$(BIN)/python -m benchmarks table benchmarks/results/quick.json --into README.md

picture: $(STAMP) ## docs/migrate.svg: what a bulk run shows on a terminal, in a run against the emulator
	$(BIN)/python -m benchmarks.picture docs/migrate.svg

# Half of the suite's time is waiting: two processes take half as long, also on one core.
IN_PARALLEL := -n auto --maxprocesses 4 --dist worksteal

test: $(STAMP) $(FOREIGN_STAMP) ## run the tests; ARGS goes to pytest, such as "-n 0 -s tests/vault"
	ASYNCUP_FOREIGN_PYTHON=$(FOREIGN)/bin/python $(BIN)/python -m pytest $(IN_PARALLEL) $(ARGS)

soak: $(STAMP) ## kills, outages and random tests (ten minutes), then bulk runs at a tenth of `make scale` (as long again)
	$(BIN)/python -m tests.soak
	ASYNCUP_SCALE_FILES=20000 ASYNCUP_SCALE_ROWS=100000 $(BIN)/python -m tests.soak.scale

scale: $(STAMP) ## bulk runs as large as promised, with figures; an hour; ARGS="small link kills rows" are its parts
	$(BIN)/python -m tests.soak.scale $(ARGS)

# The tests that judge what an upload ends with; ARGS=tests is all of them.
OPTIMIZED := tests/watch tests/matrix/test_trial.py tests/wire tests/protocol/test_upload_session.py \
	$(addprefix tests/pipeline/test_, faults.py resume.py sender.py small_file.py)

test-optimized: $(STAMP) ## run tests of the outcome with asyncup compiled as python -O does; ARGS=tests runs all
	ASYNCUP_OPTIMIZED=1 $(BIN)/python -m pytest -q $(or $(ARGS),$(OPTIMIZED))

# The same examples at every run: a branch that only luck finds is not covered.
coverage: export CI = 1
coverage: $(STAMP) ## every branch of protocol/ and pipeline/ is tried by their own tests; about two minutes
	$(BIN)/python -m pytest -q tests/protocol --cov=asyncup.protocol --cov-fail-under=100
	$(BIN)/python -m pytest -q tests/pipeline --cov=asyncup.pipeline --cov-fail-under=100

mutation: export CI = 1
mutation: $(MUTATION_STAMP) ## which changes of protocol/ its tests do not notice (tests/protocol/MUTANTS.md); half an hour
	$(BIN)/python -m mutmut run $(ARGS)
	@$(BIN)/python -m mutmut results | grep -v ': not checked$$' || true # not checked are those that ARGS leaves out

check: format-check lint types architecture test-optimized test ## everything that CI runs

format: $(STAMP) ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

format-check: $(STAMP)
	$(BIN)/ruff format --check $(CODE)

lint: $(STAMP) ## ruff, with the rules in pyproject.toml
	$(BIN)/ruff check $(CODE)

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy $(CODE)

architecture: $(STAMP) ## the layers point down (the tests run this too; here it fails first)
	$(BIN)/python -m pytest -q tests/test_architecture.py

# One clear line instead of a traceback. Debian has venv without ensurepip until python3-venv is installed.
define require-python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "asyncup needs Python 3.11 or newer, and $(PYTHON) is not; try: make PYTHON=python3.13" >&2; exit 1; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "$(PYTHON) lacks venv; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
endef

PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
BUILD_TOOLS := hatchling setuptools

# Anything is installed only when the stamp is missing or older than what decides the packages.
# The build tools come first (hatchling and setuptools ours, setuptools also that of forbiddenfruit, which blockbuster
# needs and which has no wheel) and build isolation is off: so they are pinned like everything else.
$(STAMP): pyproject.toml constraints.txt hatch_build.py asyncup/pipeline/_multi_md5.c asyncup/pipeline/_whole_file.c
	$(require-python)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt $(BUILD_TOOLS)
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

$(FOREIGN_STAMP): tests/foreign/requirements.txt | $(STAMP)
	$(PYTHON) -m venv --clear $(FOREIGN)
	$(FOREIGN)/bin/python $(PIP_INSTALL) -r $<
	@touch $@

$(PEERS_STAMP): benchmarks/peers/requirements.txt | $(STAMP)
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python $(PIP_INSTALL) -r $<
	@touch $@

$(BENCH_STAMP): $(STAMP)
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt --no-build-isolation --editable '.[bench]'
	@touch $@

$(MUTATION_STAMP): $(STAMP)
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt --no-build-isolation --editable '.[mutation]'
	@touch $@

# Made with the oldest supported Python: what runs there runs on the newer ones, and seldom the reverse.
constraints: PYTHON = python3.11
constraints: FRESH := $(VENV)-constraints
constraints: ## renew constraints.txt with the newest versions
	$(require-python)
	$(PYTHON) -m venv --clear $(FRESH)
	$(FRESH)/bin/python $(PIP_INSTALL) --upgrade $(BUILD_TOOLS)
	$(FRESH)/bin/python $(PIP_INSTALL) --no-build-isolation --editable '.[dev,bench,mutation]'
	{ sed -n '/^#/p' constraints.txt; $(FRESH)/bin/python -m pip freeze --all --exclude pip --exclude-editable; } > $(FRESH)/new
	mv $(FRESH)/new constraints.txt
	rm -rf $(FRESH)

clean: ## remove all that make and the tools made
	rm -rf $(VENV) $(VENV)-constraints build dist htmlcov .coverage .coverage.* mutants \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f asyncup/pipeline/_multi_md5.*.so asyncup/pipeline/_whole_file.*.so
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
