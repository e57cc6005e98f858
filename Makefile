# ig-tasks: everything a person needs, one word each. `make` alone says what there is.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DATA := .data/flights
export IG_TASKS_STORE ?= $(CURDIR)/ig_runs
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup data samples demo airflow test unit lint format train bench clean

help: ## Say what there is
	@awk 'BEGIN {FS = ":.*## "; print "ig-tasks\n"} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment: what the demo needs, or that and what the tests need.
define install
@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
@$(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade pip
@$(PIP_INSTALL) --editable '.[$(1)]'
endef

$(VENV)/.demo: pyproject.toml constraints.txt
	@echo "==> Setting up the environment in $(VENV) (once, one to three minutes)"
	$(call install,demo)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	@echo "==> Setting up the environment in $(VENV), development tools included (once, one to three minutes)"
	$(call install,dev)
	@touch $(VENV)/.demo $@

$(VENV)/.bench: pyproject.toml constraints.txt
	@echo "==> Setting up what the benchmarks compare with in $(VENV) (once, one to three minutes)"
	$(call install,bench)
	@touch $(VENV)/.demo $@

setup: $(VENV)/.dev ## Set up the environment for development

data: $(VENV)/.demo ## Prepare the flights of 2013 in .data/flights
	@$(BIN)/python include/datasets/flights.py --to $(DATA)
	@$(BIN)/python include/datasets/predictions.py --data $(DATA)

samples: $(VENV)/.dev ## Prepare reviews of clothing and handwritten digits in .data, for the specs of text and images
	@$(BIN)/python include/datasets/reviews.py --to .data/reviews
	@$(BIN)/python include/datasets/digits.py --to .data/digits

demo: data ## Explain two models on 327,346 real flights, by Airflow; prints the top features and the reports
	@echo "==> Running both DAGs by Airflow"
	@$(BIN)/python -m ig_tasks.orchestration.local run ig_flights_torch ig_flights_keras
	@$(BIN)/ig-tasks show $(IG_TASKS_STORE)/flights_torch $(IG_TASKS_STORE)/flights_keras

airflow: data ## Start Airflow on 127.0.0.1 with these DAGs
	@$(BIN)/python -m ig_tasks.orchestration.local up

train: data samples ## Train the models of include/models again
	@$(BIN)/python include/models/train_flights.py --data $(DATA) --all
	@$(BIN)/python include/models/train_reviews.py --data .data/reviews
	@$(BIN)/python include/models/train_digits.py --data .data/digits

bench: $(VENV)/.bench data ## Measure speed and errors beside Captum, SHAP and others (14 minutes on two cores)
	@$(BIN)/python -m benchmarks

test: $(VENV)/.dev ## Everything CI runs: lint, types, import rules, unit, integration and end-to-end tests
	@tests/system-packages
	@$(MAKE) --no-print-directory lint data samples
	@tests/run

unit: $(VENV)/.dev ## The unit tests alone
	@$(BIN)/python -m pytest -q tests/unit

lint: $(VENV)/.dev ## ruff, mypy --strict, and the rule that imports point one way
	@echo "==> Lint, types and import rules"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports > .lint-imports.log || { cat .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

clean: ## Remove what was made here: environment, data, benchmarks, Airflow's home (reports in ig_runs stay)
	rm -rf $(VENV) .data .airflow .bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
