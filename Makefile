# warmuplab: `make help` lists the targets. Each of them creates .venv by itself when it is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
STUDY ?= quick
ARGS ?=
DATA ?=
DRY ?=
RUN ?=
TEXT ?=
export STUDY DATA RUN TEXT  # a recipe reads them as "$$STUDY", so that no character of theirs is one of the shell
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help setup install test soak slurm-test lint plan sweep run translate evaluate retrain report figures dashboard verify sync find-lr bench gpu-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-28s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make sweep STUDY=quick ARGS=\"training.steps=100\"   a study, with overrides"
	@echo "  make run ARGS=\"schedule=noam model=pre_ln seed=3\"  a single run"

# Two stamps: a sweep does not wait for the test tools.
$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (about a minute with a fast package index) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing the test tools ..."
	@$(INSTALL) --editable ".[test,bench]"
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	@echo "Installing what the bench compares with ..."
	@$(INSTALL) --editable ".[bench]"
	@touch $@

setup: $(VENV)/.installed-test  ## create .venv with everything in it

install: $(VENV)/.installed  ## create .venv with what training and reports need, without the test tools

test: $(VENV)/.installed-test  ## run the tests (ARGS="-k schedules" picks some)
	@$(BIN)/python -m pytest $(ARGS)

soak: $(VENV)/.installed-test  ## the tests that take long: kills, races, thousands of wild command lines (ARGS="-k wild" SEEDS=1,2)
	@$(BIN)/python -m pytest -m soak -n 0 -s $(ARGS)

slurm-test: $(VENV)/.installed-test  ## sweeps through a real SLURM, which it starts on this machine (as root; skipped where it cannot run)
	@$(BIN)/python -m pytest -m slurm -n 0 -rs tests/launch/slurm/test_cluster.py $(ARGS)

lint: $(VENV)/.installed-test  ## ruff, mypy, codespell, and which package may import which (import-linter)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo --no-cache && $(BIN)/codespell

plan: $(VENV)/.installed  ## say what a study will take: runs, tokens, time, memory, disk (STUDY=quick, ARGS="overrides")
	@$(BIN)/python scripts/plan.py "$$STUDY" $(ARGS)

sweep: $(VENV)/.installed  ## train a study and report it (STUDY=quick, ARGS="overrides")
	@$(BIN)/python scripts/sweep.py "$$STUDY" $(ARGS)

run: $(VENV)/.installed  ## train a single run (ARGS="overrides")
	@$(BIN)/python scripts/train.py $(ARGS)

translate: $(VENV)/.installed  ## translate with a finished run (RUN=outputs/single/RUN_ID TEXT="A man rides a bike")
	@$(BIN)/python scripts/translate.py "$$RUN" $(if $(TEXT),"$$TEXT") $(ARGS)

evaluate: $(VENV)/.installed  ## loss and BLEU of a finished run on held-out text (RUN=outputs/single/RUN_ID)
	@$(BIN)/python scripts/evaluate.py "$$RUN" $(ARGS)

retrain: $(VENV)/.installed  ## train a collected run again, in its population, and compare (STUDY=quick RUN=run_id)
	@$(BIN)/python scripts/retrain.py "$$STUDY" "$$RUN" $(ARGS)

report: $(VENV)/.installed  ## collect a study's runs and write its tables and figures (STUDY=quick)
	@$(BIN)/python scripts/report.py "$$STUDY" $(ARGS)

figures: $(VENV)/.installed  ## draw all figures again from results/ (`python scripts/figures.py --list` names them)
	@$(BIN)/python scripts/figures.py all

dashboard: $(VENV)/.installed  ## write a study's page, results/<study>/dashboard.html (STUDY=quick)
	@$(BIN)/python scripts/dashboard.py "$$STUDY"

verify: $(VENV)/.installed  ## read all that a study left behind and list what is damaged (STUDY=quick)
	@$(BIN)/python scripts/verify.py "$$STUDY"

sync: $(VENV)/.installed  ## upload a study to W&B: its runs, and the study as one W&B run, each once (STUDY=quick)
	@$(BIN)/python scripts/sync.py "$$STUDY"

find-lr: $(VENV)/.installed  ## find a peak rate: where the loss begins to jitter in a ramp (ARGS="overrides")
	@$(BIN)/python scripts/find_lr.py $(ARGS)

bench: $(VENV)/.installed-bench  ## measure what training costs here, against other ways to run it (ARGS="--help" lists parts)
	@$(BIN)/python scripts/bench.py $(ARGS)

# A PYTHON that is given is used as it is: no .venv, no pip, no network.
GIVEN := $(filter-out file,$(origin PYTHON))
gpu-check: $(if $(GIVEN),,$(VENV)/.installed-test)  ## check one GPU: tests, bench, a small study (PYTHON=python3 as it is; DATA=folder; DRY=1 on a CPU)
	@PYTHONPATH=src$${PYTHONPATH:+:$$PYTHONPATH} $(if $(GIVEN),$(PYTHON),$(BIN)/python) scripts/gpu_check.py \
		$(if $(DRY),--dry) $(if $(DATA),--data "$$DATA") $(ARGS)

clean:  ## remove .venv and caches; keeps outputs and results
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
