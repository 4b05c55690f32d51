# Each target does all its set-up; a fresh machine needs Python 3.11 or newer and a network for the packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check lint docs clean

$(BIN)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

demo: $(BIN)/.ready  ## train on real handwritten digits that come with scikit-learn, and write the report
	$(BIN)/tellapart train digits

lint: $(BIN)/.ready  ## style, types, and the imports between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# In two processes, for two cores: each has one thread but where a test says otherwise.
test: lint  ## everything that is checked at each change
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

docs: $(BIN)/.ready  ## write the references and the drawn pictures of the pages anew
	$(BIN)/python -m docs.make

benchmark-%: $(BIN)/.ready  ## answer one question of benchmarks/: make benchmark-hwdb55 DATA=hwdb55.zip
	$(BIN)/python -m benchmarks.$(subst -,_,$*) $(if $(DATA),--data $(DATA))

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
