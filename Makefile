# The two commands: `make demo` and `make test`. Each sets up what it needs first (docs/development.md).
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
# More workers than processors: most of what the long tests do is wait. A file stays with one worker, long ones first.
SPREAD := --numprocesses 6 --dist loadfile --no-loadscope-reorder

# Thousands of tests start irkit anew: its byte code is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint bench docs constraints clean

help:
	@echo "make demo   contain, preserve and release a real container, and verify the bundle"
	@echo "make test   every test, on a real engine of its own"
	@echo "make soak   every test, and all points of those that try many"
	@echo "make lint   ruff, mypy"
	@echo "make bench  figures, as ratios against named peers"
	@echo "make docs   write the generated pages and pictures"

$(READY): constraints.txt pyproject.toml tools/setup.sh
	PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)
	@touch $@

demo: $(READY)
	$(RUN) -m tests.lab exec -- $(VENV)/bin/irkit demo --evidence build/demo

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

test: lint
	$(RUN) -m tests.lab setup
	$(RUN) -m pytest $(SPREAD)

# Every test, and those that try one thing at many points at all of them: kills, faults of the network, lost connections,
# changed bytes, sizes of the terminal, made-up input.
soak: $(READY)
	$(RUN) -m tests.lab setup
	IRKIT_SOAK=1 $(RUN) -m pytest $(SPREAD)

bench: $(READY)
	$(RUN) -m tests.lab exec -- $(RUN) -m tests.bench

docs: $(READY)
	$(RUN) -m tests.lab exec -- $(RUN) -m tools.docs

# Names, versions and hashes only; needs the `uv` command.
constraints:
	uv pip compile pyproject.toml --extra dev --generate-hashes --no-header --no-annotate --universal \
		--python-version 3.11 --no-emit-index-url --upgrade -o constraints.txt

clean:
	rm -rf $(VENV) build dist
