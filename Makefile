# Each target sets up what it needs by itself; a second run finds it there.
.PHONY: demo demo-visualization test quick check unit fuzz crates browser test-gmn soak bench docs ui wheel format schema settings routes imports clean

demo:  ## Set everything up and run a real recipe on this machine
	@scripts/bootstrap local
	@scripts/demo

demo-visualization: ## Set up what tiles for maps take, too, and make a map on this machine
	@scripts/bootstrap visualization
	@scripts/demo-visualization

test: ## Set everything up; formatter, linters and types beside all tests, which leave them time
	@$(MAKE) --no-print-directory --jobs=2 check unit

check: ## Formatter, linter, types and the order of imports, as CI runs them
	@scripts/bootstrap dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/python scripts/imports | diff docs/architecture.md -
	.venv/bin/python scripts/words
	.venv/bin/python scripts/figures

# Most tests wait more than they compute, so there may be more workers than cores. The tests of a file share one, and
# the files go in their order: those that take longest come first (tests/conftest.py).
WORKERS ?= 4
PYTEST = .venv/bin/pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder
# Once, and kept as bytecode: each worker would rewrite the assertions of all tests for itself, for ten seconds.
REWRITE = test -d tests/__pycache__ || .venv/bin/pytest --collect-only --quiet >/dev/null || true
export PYTHONDONTWRITEBYTECODE :=

unit: ## The tests, WORKERS at a time
	@scripts/bootstrap tests
	@$(REWRITE)
	$(PYTEST)

quick: WORKERS = 3
quick: ## The unit tests alone, without those that take long, and with few generated examples
	@scripts/bootstrap dev
	@$(REWRITE)
	$(PYTEST) -m "not slow" --hypothesis-profile=few tests/unit

wheel: ## Build the wheel into dist/
	@scripts/bootstrap visualization
	rm -rf dist
	.venv/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

fuzz: ## Thousands of generated requests to a local stack of their own (FUZZ=500 for each operation and caller)
	@scripts/bootstrap dev
	@scripts/fuzz $(FUZZ)

crates: ## Have crates validated by roc-validator, in an environment of its own: .venv-crates, 110 MB
	@scripts/bootstrap dev
	test -x .venv-crates/bin/rocrate-validator || { python3 -m venv .venv-crates && .venv-crates/bin/pip install --quiet \
		--require-hashes --only-binary :all: --requirement requirements/crates.txt; }
	.venv/bin/pytest -m crates tests/unit/provenance tests/integration/e2e/test_e2e_validated.py

browser: ## The tests of the page about runs in chromium alone; an error where there is none
	@scripts/bootstrap browser
	.venv/bin/pytest -m browser tests/integration/e2e

test-gmn: ## The tests at GMN, a member node of DataONE, alone
	@scripts/bootstrap dev
	@scripts/gmn
	.venv/bin/pytest -m gmn tests/integration/e2e

soak: ## Kill processes and fill the disk for an hour (SOAK=60 for a minute); as root
	@scripts/bootstrap dev
	@scripts/soak $(SOAK)

bench: ## Measure; a table here and JSON in bench-results/
	@scripts/bootstrap dev
	PYTHONPATH=tests .venv/bin/python -m benchmarks

docs: ## Build the documentation's site into site/; a broken link, or a page that none leads to, is an error
	@scripts/bootstrap dev
	.venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements/docs.txt
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --quiet

format: ## Let the formatter and the linter mend what they can
	@scripts/bootstrap dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

ui: ## Build the page about runs anew from functions/ui, which takes Node.js 20 and npm; the result is part of the commit
	@scripts/ui

schema: ## Write docs/meta.schema.json anew from the models
	@scripts/bootstrap dev
	.venv/bin/python -m ogdc_shared.recipe.schema > docs/meta.schema.json

settings: ## Write docs/settings.md anew from the code that reads the settings
	@scripts/bootstrap dev
	.venv/bin/python scripts/settings > docs/settings.md

routes: ## Write the table of calls in docs/api.md anew from the table of routes
	@scripts/bootstrap dev
	.venv/bin/python scripts/routes > docs/api.md.new && mv docs/api.md.new docs/api.md

imports: ## Write the graph of imports in docs/architecture.md anew
	@scripts/bootstrap dev
	.venv/bin/python scripts/imports > docs/architecture.md.new && mv docs/architecture.md.new docs/architecture.md

clean: ## Remove the virtual environment and what the tools cached
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results site
