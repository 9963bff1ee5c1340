# Everything a new machine needs is Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
LOWEST ?= build/lowest
DEMO := golden_models/onnx/digits_vqa_vision.onnx

.PHONY: demo test lint mutate docs lowest audit coverage

demo: $(VENV)/installed
	$(BIN)/mmc compile $(DEMO) --target hexagon_v73 --input-shape image:1,1,28,56
	$(BIN)/mmc compile $(DEMO) --target ane_ios18 --input-shape image:1,1,28,56

test: $(VENV)/installed
	$(BIN)/python -m pytest -n $(JOBS)

mutate: $(VENV)/installed
	$(BIN)/python ir_tests/mutate.py -j $(JOBS)

docs: $(VENV)/installed  # build/site: the documentation as a site, with the reference
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p mmc

# The conformance cases come with onnx, and those of old versions are other ones.
lowest:  # the quick tests with the lowest versions that pyproject.toml allows, in an environment of their own
	$(PYTHON) -m venv --clear $(LOWEST)
	$(PYTHON) ir_tests/lowest.py dev > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/constraints.txt --editable ".[dev]"
	$(LOWEST)/bin/python -m pytest -n $(JOBS) -m "not slow" --ignore ir_tests/test_conformance.py

audit: $(VENV)/installed  # known vulnerabilities of what is installed; asks an advisory service
	$(BIN)/python -m pip install --quiet "pip-audit>=2.7"
	$(BIN)/pip-audit --strict --skip-editable

coverage: $(VENV)/installed  # lines that the tests run, child processes included
	$(BIN)/python -m pip install --quiet "coverage>=7.10"
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort=cover

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
