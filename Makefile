# make demo, test, docs, fuzz, lint, bench, clean, constraints. Needs Python 3.11 or later with venv and pip; PYTHON=python3.12 picks another one.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Errors only: what pip thinks of the machine's own configuration is no concern of the project.
# Bytecode is written at the first import: most modules of plotly and others are never imported.
QUIET := install --no-compile --quiet --quiet --disable-pip-version-check --progress-bar off
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help demo test docs fuzz lint bench clean constraints

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

demo: $(READY) ## Run the flagship and its baselines on a simulated market; tearsheet in results/demo.
	$(BIN)/undertow demo

test: $(READY) ## Run the whole test suite on all cores.
	$(BIN)/python tests/support/compile.py
	$(BIN)/python -m pytest -n $(WORKERS)

docs: $(READY) ## Run README and documents as they are written, with times; about two minutes.
	UNDERTOW_DOCS=full $(BIN)/python -m pytest tests/house/test_documents.py -q

fuzz: $(READY) ## Damage files and options five thousand times; about four minutes. FUZZ_SEED=18 draws others.
	UNDERTOW_FUZZ_CASES=5000 UNDERTOW_FUZZ_SEED=$(or $(FUZZ_SEED),17) $(BIN)/python -m pytest tests/fuzz -q

lint: $(READY) ## Check style, format and types.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/*.py

bench: $(READY) ## Time backtests, sweeps, rules, tuning, engines and start-up.
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/walks.py
	$(BIN)/python benchmarks/sweeps.py
	$(BIN)/python benchmarks/signals.py
	$(BIN)/python benchmarks/rules.py
	$(BIN)/python benchmarks/optimize.py
	$(BIN)/python benchmarks/engines.py
	$(BIN)/python benchmarks/start.py

constraints: ## Renew constraints.txt with the newest versions.
	rm -rf build/fresh
	$(PYTHON) -m venv build/fresh
	build/fresh/bin/python -m pip $(QUIET) -e '.[dev]'
	{ echo '# Renew with `make constraints`, then run `make lint` and `make test`.'; \
	    build/fresh/bin/python -m pip freeze --all --exclude pip --exclude-editable; } > constraints.txt
	rm -rf build/fresh

clean: ## Remove the environment, caches and builds; results are kept.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python 3.11 or later is needed; found: $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	    || { echo "Python's venv module is incomplete; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time takes a minute or two."
	@$(BIN)/python -m pip $(QUIET) -c constraints.txt -e '.[dev]'
	@touch $@
