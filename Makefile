# What people and continuous integration run. Needs make and Python 3.11 to 3.13; installs into .venv only.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
SENTIMENT := $(BIN)/python -m kits.sentiment
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help install quickstart test check clean
.DEFAULT_GOAL := help

help:
	@echo "make quickstart   install, train on the sample data, watch a sample stream, and show where the results are"
	@echo "make install      install into .venv"
	@echo "make test         run all tests"
	@echo "make check        ruff, mypy and the import contracts"
	@echo "make clean        remove what these commands made, except .venv"

install: .venv/installed

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into .venv: a few minutes, most of them for PyTorch"
	@$(PIP) --editable .
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into .venv, with what the tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@ .venv/installed

# Less than 90 seconds on two slow cores: training gets 20 of them, the rest is looking, judging and replaying.
quickstart: .venv/installed
	@mkdir -p quickstart
	@echo "1. A look through the data" && $(SENTIMENT) check --data sample_data/sentiment/train.csv --test sample_data/sentiment/test.csv --out quickstart/audit
	@echo "2. Training, for 20 seconds" && $(SENTIMENT) train --data sample_data/sentiment/train.csv --out quickstart/model --budget 20s
	@echo "3. Judging on news that came later" && $(SENTIMENT) evaluate --model quickstart/model --data sample_data/sentiment/test.csv --report quickstart/evaluation.html
	@echo "4. Reading three texts" && $(SENTIMENT) predict --model quickstart/model --explain \
		--text "Profit rose 12 % on strong sales abroad, and the dividend goes up" \
		--text "Regulator fines the bank after customer data leaked" \
		--text "The central bank left its rate unchanged, as expected"
	@rm -f quickstart/monitor.db*
	@echo "5. Watching four weeks of news go by, and raising alerts" && $(SENTIMENT) monitor --model quickstart/model --once --replay \
		--source sample_data/sentiment/stream.jsonl --store sqlite:///quickstart/monitor.db --set surge.watch=sample_data/sentiment/watch.toml
	@echo
	@echo "Open these in a browser:"
	@echo "  report      $(CURDIR)/quickstart/model/report.html"
	@echo "  evaluation  $(CURDIR)/quickstart/evaluation.html"
	@echo "  data audit  $(CURDIR)/quickstart/audit/audit.html"
	@echo "The alerts, with the stories behind them, are on a page of the monitor:"
	@echo "  $(SENTIMENT) serve --model quickstart/model --store sqlite:///quickstart/monitor.db"
	@echo "The model is the folder $(CURDIR)/quickstart/model. Next, your own data: kits/sentiment/README.md"

test: .venv/installed-dev
	@$(BIN)/python -m pytest

check: .venv/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

clean:
	rm -rf quickstart build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find core kits tests -name __pycache__ -type d -prune -exec rm -rf {} +
