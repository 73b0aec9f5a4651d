# What a person types. Everything that is missing is installed first (scripts/setup); a second run installs nothing.
PYTHON ?= python3
BIN := .venv/bin
SETUP := $(PYTHON) scripts/setup
# Container images forbid it, and then each of many processes compiles every module anew: a second of each start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test soak bench check notebook pictures screens types lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: ## install what is missing, start everything, load the sample city, serve the map
	@$(SETUP) run screens
	@exec $(BIN)/gisops up

test: ## install what is missing and run every test
	@$(SETUP) test screens
	@$(BIN)/python -m pytest $(ARGS)

soak: ## the long forms of the tests
	@$(SETUP) test screens qgis
	@$(BIN)/python -m pytest --timeout=3600 -m soak $(ARGS)

bench: ## the side-by-side benchmarks [NAME=…], to bench/results.json
	@$(SETUP) test screens
	@$(BIN)/python -m bench $(NAME)

check: ## lint, types, floors, the screens' types
	@$(SETUP) test screens
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy scripts/setup
	$(BIN)/lint-imports
	@$(BIN)/python hatch_build.py run check

notebook: ## the planner's notebooks, in the browser
	@$(SETUP) run screens analysis
	@$(BIN)/python -m jupyterlab --notebook-dir=notebooks

pictures: ## screenshots of every screen, to docs/pictures
	@$(SETUP) test screens
	@$(BIN)/python -m docs.pictures

screens: ## build the screens only
	@$(SETUP) run screens

types: ## type the screens by the API's description, anew
	@$(SETUP) run screens
	@$(BIN)/python scripts/type_screens.py

lock: ## pin the Python packages anew, with hashes and no registry address
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra build pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra build --extra test --extra bench -c requirements.txt pyproject.toml -o requirements-test.txt

clean: ## forget what was built (not the data, not .venv)
	rm -rf .make build dist api/screens/dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
