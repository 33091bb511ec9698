# Everything from nothing: Python 3.11 or newer is all that is assumed.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check audit bench clean

demo: $(VENV)/.installed
	$(BIN)/infmap demo -o infmap-demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_docs.py
	$(BIN)/python tools/check_words.py
	$(BIN)/python tools/check_structure.py
	$(BIN)/python tools/audit_dependencies.py --licences

# Needs a network: status 3 where no vulnerability service answers.
audit: $(VENV)/.installed-dev
	$(BIN)/python tools/audit_dependencies.py

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf $(VENV) infmap-demo

# Stamp files: a second run installs nothing, and a broken first one starts afresh.
$(VENV)/.created:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed: install it, or make PYTHON=/its/path' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(PIP) --editable .
	@touch $@

# torch first, with its pinned torchvision: resolved together with the rest, pip would weigh other
# builds of torch, and those bring gigabytes of GPU packages.
$(VENV)/.installed-dev: pyproject.toml $(VENV)/.created
	$(PIP) torch==2.13.0 torchvision==0.28.0
	$(PIP) --editable '.[train,annotate,serve,deidentify,dev]'
	@touch $@ $(VENV)/.installed
