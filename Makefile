# ig-tasks: everything a person needs, one word each. `make` alone says what there is.

# An interpreter counts if it starts: a version manager's shim may lie on the path without its Python.
starts = $(shell for name in $(1); do $$name -c '' 2> /dev/null && echo $$name; done)
release = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null)

# .venv is of the interpreter that made it. Another one, as in `make unit PYTHON=python3.13`, has an environment beside it.
ifndef PYTHON
PYTHON := $(firstword $(call starts,.venv/bin/python python3.11 python3.12 python3.13 python3))
endif
VENV := .venv$(if $(filter-out $(call release,$(PYTHON)),$(call release,.venv/bin/python)),-$(call release,$(PYTHON)))
BIN := $(VENV)/bin
DATA := .data/flights
export IG_TASKS_STORE ?= $(CURDIR)/ig_runs
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup data samples demo airflow test thorough unit lint format train bench docs docs-serve clean

help: ## Say what there is
	@awk 'BEGIN {FS = ":.*## "; print "ig-tasks\n"} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment: what the demo needs, or that and what the tests need. TORCH_INDEX_URL names an index of torch wheels
# without CUDA; torch alone comes from there, since either of two indexes for the whole set might answer for any name.
define install
@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
@$(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade pip
$(if $(TORCH_INDEX_URL),@$(PIP_INSTALL) --no-deps --index-url '$(TORCH_INDEX_URL)' "$$(grep '^torch==' constraints.txt)")
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
	@$(BIN)/python -m scripts.local_airflow run ig_flights_torch ig_flights_keras
	@$(BIN)/ig-tasks show $(IG_TASKS_STORE)/flights_torch $(IG_TASKS_STORE)/flights_keras

airflow: data ## Start Airflow on 127.0.0.1 with these DAGs
	@$(BIN)/python -m scripts.local_airflow up

train: data samples ## Train the models of include/models again
	@$(BIN)/python include/models/train_flights.py --data $(DATA) --all
	@$(BIN)/python include/models/train_reviews.py --data .data/reviews
	@$(BIN)/python include/models/train_digits.py --data .data/digits

bench: $(VENV)/.bench data ## Measure speed and errors beside Captum, SHAP and others (14 minutes on two cores)
	@$(BIN)/python -m benchmarks

test: $(VENV)/.dev ## Everything CI runs: lint, types, import rules, unit, integration and end-to-end tests
	@tests/system-packages
	@$(MAKE) --no-print-directory lint data samples
	@BIN=$(BIN) tests/run
	@for python in $(OTHER_PYTHONS); do $(MAKE) --no-print-directory unit PYTHON=$$python || exit 1; done

# Every other interpreter of those that are promised and are there; `make test OTHER_PYTHONS=` leaves them out.
OTHER_PYTHONS ?= $(foreach version,3.11 3.12 3.13,$(if $(filter-out $(call release,$(PYTHON)),$(version)),$(call starts,python$(version))))

thorough: export IG_TASKS_TESTS = thorough
thorough: test ## The same with every sweep at full size: more rows, nets and examples

unit: $(VENV)/.dev ## The unit tests alone; PYTHON=python3.13 runs them on that one, in an environment of its own
	@echo "==> Unit tests on Python $(call release,$(PYTHON))"
	@BIN=$(BIN) tests/run unit

lint: $(VENV)/.dev ## ruff, mypy --strict, and the rule that imports point one way
	@echo "==> Lint, types and import rules"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports > .lint-imports.log || { cat .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

# Whatever the site shows is drawn by this code, from the data of the repository.
.gallery/gallery.json: $(shell find ig_tasks/charts ig_tasks/explanations ig_tasks/presentation scripts/docs_site -name '*.py')
	@$(MAKE) --no-print-directory data samples
	@echo "==> Drawing the gallery (once, a minute)"
	@$(BIN)/python -m scripts.docs_site.gallery

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.dev .gallery/gallery.json ## Build the documentation's site in site/; any broken link is an error
	@$(BIN)/python -m mkdocs build --quiet
	@echo "site/index.html"

docs-serve: docs ## Build the site, and show it on 127.0.0.1:8000 (DOCS_PORT says otherwise)
	@echo "==> http://127.0.0.1:$(DOCS_PORT)/index.html, until Ctrl-C"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory site $(DOCS_PORT)

DOCS_PORT ?= 8000

clean: ## Remove what was made here: environment, data, benchmarks, site, Airflow's home (reports in ig_runs stay)
	rm -rf .venv .venv-3.* .data .airflow .bench .gallery site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
