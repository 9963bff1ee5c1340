# Everything a new machine needs is Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
DEMO := golden_models/onnx/digits_vqa_vision.onnx

.PHONY: demo test lint mutate docs

demo: $(VENV)/installed
	$(BIN)/mmc compile $(DEMO) --target hexagon_v73 --input-shape image:1,1,28,56

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

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
