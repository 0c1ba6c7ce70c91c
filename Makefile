# Each target installs what it needs, if it is not installed yet.
.PHONY: demo demo-visualization test quick check unit fuzz crates browser test-gmn soak bench docs ui wheel format schema settings routes imports clean

demo:  ## Set everything up and run a real recipe on this machine
	@scripts/bootstrap local
	@scripts/demo

demo-visualization: ## Set everything up for tiles of maps, too, and make a map on this machine
	@scripts/bootstrap visualization
	@scripts/demo-visualization

test: ## Set everything up; run the formatter, linters and type checker, and all tests at the same time
	@$(MAKE) --no-print-directory --jobs=2 check unit

check: ## Check formatting, lints, types and the directions of imports, as in CI
	@scripts/bootstrap dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/python scripts/imports | diff docs/architecture.md -
	.venv/bin/python scripts/words
	.venv/bin/python scripts/figures

# Most tests wait more than they compute, so there may be more workers than cores. All tests of a file run in one worker.
# The files with the longest tests start first (tests/conftest.py).
WORKERS ?= 4
PYTEST = .venv/bin/pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder
# Rewrites the assertions of all tests once and stores them as bytecode. Otherwise each worker would do it, in ten seconds.
REWRITE = test -d tests/__pycache__ || .venv/bin/pytest --collect-only --quiet >/dev/null || true
export PYTHONDONTWRITEBYTECODE :=

unit: ## Run all tests with WORKERS workers
	@scripts/bootstrap tests
	@$(REWRITE)
	$(PYTEST)

quick: WORKERS = 3
quick: ## Run only the unit tests, without slow ones and with few generated examples
	@scripts/bootstrap dev
	@$(REWRITE)
	$(PYTEST) -m "not slow" --hypothesis-profile=few tests/unit

wheel: ## Build the wheel into dist/
	@scripts/bootstrap visualization
	rm -rf dist
	.venv/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

fuzz: ## Send thousands of generated requests to a separate local stack (FUZZ=500 per operation and caller)
	@scripts/bootstrap dev
	@scripts/fuzz $(FUZZ)

crates: ## Validate crates with roc-validator, installed into .venv-crates (110 MB)
	@scripts/bootstrap dev
	test -x .venv-crates/bin/rocrate-validator || { python3 -m venv .venv-crates && .venv-crates/bin/pip install --quiet \
		--require-hashes --only-binary :all: --requirement requirements/crates.txt; }
	.venv/bin/pytest -m crates tests/unit/provenance tests/integration/e2e/test_e2e_validated.py

browser: ## Run only the tests of the web page in chromium; fails without chromium
	@scripts/bootstrap browser
	.venv/bin/pytest -m browser tests/integration/e2e

test-gmn: ## Run only the tests with GMN, the software of a DataONE member node
	@scripts/bootstrap dev
	@scripts/gmn
	.venv/bin/pytest -m gmn tests/integration/e2e

soak: ## Kill processes and fill the disk for an hour (SOAK=60 for a minute); needs root
	@scripts/bootstrap dev
	@scripts/soak $(SOAK)

bench: ## Run the benchmarks; prints a table and writes JSON to bench-results/
	@scripts/bootstrap dev
	PYTHONPATH=tests .venv/bin/python -m benchmarks

docs: ## Build the documentation's site into site/; fails on broken links and unlinked pages
	@scripts/bootstrap dev
	.venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements/docs.txt
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --quiet

format: ## Fix what the formatter and the linter can fix
	@scripts/bootstrap dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

ui: ## Rebuild the web page from functions/ui, with Node.js 20 and npm; commit the result
	@scripts/ui

schema: ## Update docs/meta.schema.json from the models
	@scripts/bootstrap dev
	.venv/bin/python -m ogdc_shared.recipe.schema > docs/meta.schema.json

settings: ## Update docs/settings.md from the definitions of the settings
	@scripts/bootstrap dev
	.venv/bin/python scripts/settings > docs/settings.md

routes: ## Update the table of calls in docs/api.md from the table of routes
	@scripts/bootstrap dev
	.venv/bin/python scripts/routes > docs/api.md.new && mv docs/api.md.new docs/api.md

imports: ## Update the graph of imports in docs/architecture.md
	@scripts/bootstrap dev
	.venv/bin/python scripts/imports > docs/architecture.md.new && mv docs/architecture.md.new docs/architecture.md

clean: ## Remove the virtual environment, caches of tools, and built files
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results site
