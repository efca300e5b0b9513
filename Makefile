# make demo and make test set up everything they need in .venv; PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Groups of pyproject.toml need pip 25.1; Python 3.11 to 3.13 may come with an older one.
GROUPS := $(PIP) 'pip>=25.1' && $(PIP)

DOCS_WRITTEN := docs/_build docs/examples docs/notebooks docs/reference/api docs/reference/components docs/sg_execution_times.rst

.PHONY: help demo test soak lint docs docs-quick docs-links bench asv asv-compare asv-series wheel dist dist-try clean
.DELETE_ON_ERROR:

help:
	@echo "make demo   train on the digits that ship with the package"
	@echo "make test   run the tests"
	@echo "make soak   run the tests of endurance at full length, in some ten minutes"
	@echo "make lint   check style and types"
	@echo "make docs   build the documentation in docs/_build/html; make docs-quick while writing"
	@echo "make bench  time training steps beside the peers that are installed"
	@echo "make asv    run all benchmarks of asv once, quickly"
	@echo "make asv-compare BASE=main   whether the changes since a revision cost speed, in some minutes"
	@echo "make asv-series REVISIONS=v1   measure revisions for the curves of the documentation"
	@echo "make wheel  build a wheel with compiled code for several processors, in some minutes"
	@echo "make dist   build what a release uploads, and check it; make dist-try installs and uses it"
	@echo "make clean  remove the environment and everything built"

demo: $(VENV)/runtime.stamp
	$(BIN)/nbtrain demo

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest $(ARGS)

# What is tried at random or against time, as often as a release requires: kills, damaged files, races, divergence.
soak: $(VENV)/dev.stamp
	NBTRAIN_SOAK=1 $(BIN)/python -m pytest --durations=20 $(ARGS) tests/training/test_endurance.py \
	    tests/training/test_turns.py tests/formats/test_persistence.py tests/checks/test_input.py \
	    tests/compiler/test_cache.py tests/core/test_threads.py

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Always from nothing, since a second build does not repeat the warnings about pages that it does not read again. An
# example that calls sys.exit ends Sphinx with status 0 and without a site, so check_links also looks for the index.
docs: $(VENV)/docs.stamp
	rm -rf $(DOCS_WRITTEN)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	$(BIN)/python docs/_ext/speed_pages.py docs/_build/html
	$(BIN)/python docs/_ext/check_links.py docs/_build/html
	@echo "open docs/_build/html/index.html"

docs-quick: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx --quiet -b html docs docs/_build/html
	$(BIN)/python docs/_ext/speed_pages.py docs/_build/html
	$(BIN)/python docs/_ext/check_links.py docs/_build/html

# Addresses of other sites, which needs the network.
docs-links: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx --quiet -b linkcheck docs docs/_build/linkcheck

# Where torch and jax are installed in the environment too, they are compared with; CORES=0 keeps to one core. The table
# also goes to asv_bench/measured/last.json.
bench: $(VENV)/dev.stamp
	cd asv_bench && ../$(BIN)/python -m compare $(if $(CORES),--cores $(CORES)) $(ARGS)
	@echo
	cd asv_bench && ../$(BIN)/python -m compare.populations $(if $(CORES),--cores $(CORES))

asv: $(VENV)/dev.stamp
	@test -e ~/.asv-machine.json || (cd asv_bench && ../$(BIN)/asv machine --yes)
	cd asv_bench && ../$(BIN)/asv check -E existing:../$(BIN)/python
	cd asv_bench && ../$(BIN)/asv run --quick --show-stderr -E existing:../$(BIN)/python

# NEW=revision takes a revision in place of the working tree, LIMIT=5 another limit than 3 percent, CORES=1 another core.
asv-compare: $(VENV)/dev.stamp
	@test -n "$(BASE)" || { echo "say with what to compare: make asv-compare BASE=main" >&2; exit 2; }
	@cd asv_bench && ../$(BIN)/python -m revisions "$(BASE)" $(if $(NEW),--new "$(NEW)") $(if $(LIMIT),--limit $(LIMIT)) \
	    $(if $(CORES),--cores $(CORES)) $(ARGS)

# Fresh code for every system and level, then the wheel, which takes what is there. Each level takes a minute or two.
CODE_FOR := linux/x86-64-v3 linux/x86-64-v4 linux/aarch64 win32/x86-64-v3 win32/x86-64-v4 darwin/aarch64
CODE := nbtrain/compiler/prebuilt_code
wheel: $(VENV)/dev.stamp
	rm -rf $(CODE)
	set -e; for target in $(CODE_FOR); do \
	    $(BIN)/nbtrain cache bundle --system $${target%%/*} $${target#*/} $(CODE); done
	$(BIN)/python -m hatchling build -t wheel -d dist

# What a release consists of: the wheel with compiled code, the source distribution, and the plugins.
dist: $(VENV)/release.stamp
	rm -rf dist
	$(MAKE) wheel
	$(BIN)/python -m hatchling build -t sdist -d dist
	set -e; for plugin in $(PLUGINS); do \
	    (cd $$plugin && $(CURDIR)/$(BIN)/python -m hatchling build -d $(CURDIR)/dist); done
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

# In an environment of its own and with an empty cache, as somebody who installs the release for the first time.
TRY := build/dist-try
dist-try:
	rm -rf $(TRY)
	$(PYTHON) -m venv $(TRY)/venv
	$(TRY)/venv/bin/python -m pip --disable-pip-version-check install --quiet dist/*.whl
	cd $(TRY) && export NBTRAIN_CACHE_DIR=$(CURDIR)/$(TRY)/cache NBTRAIN_STRICT_PLUGINS=1 && \
	    venv/bin/nbtrain --version && venv/bin/nbtrain demo && venv/bin/nbtrain cache info && venv/bin/nbtrain plugins list

clean:
	rm -rf $(DOCS_WRITTEN) nbtrain/compiler/prebuilt_code
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf asv_bench/env asv_bench/results asv_bench/html
	find nbtrain tests plugins examples asv_bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "nbtrain needs Python 3.11 or later; $(PYTHON) is older: make PYTHON=/path/to/python3.x" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	    { echo "$(PYTHON) could not make a virtual environment (Debian: apt-get install python3-venv)" >&2; \
	      rm -rf $(VENV); exit 1; }

$(VENV)/runtime.stamp: $(PROJECTS) | $(BIN)/python
	$(PIP) -e . $(addprefix -e ./,$(PLUGINS))
	@touch $@

$(VENV)/dev.stamp: $(PROJECTS) $(VENV)/runtime.stamp | $(BIN)/python
	$(GROUPS) --group dev
	@touch $@

$(VENV)/docs.stamp: $(PROJECTS) $(VENV)/runtime.stamp | $(BIN)/python
	$(GROUPS) --group docs
	@touch $@

$(VENV)/release.stamp: $(PROJECTS) $(VENV)/dev.stamp | $(BIN)/python
	$(GROUPS) --group release
	@touch $@
