# Every target makes .venv when it is missing; all packages come pinned from constraints.txt. What only tests and
# linters import comes with the first target that needs it.
PYTHON ?= python3.11
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
CLIPS ?=

# Python compiles what is imported, when it is, and keeps it: to compile everything here would take a minute more.
unexport PYTHONDONTWRITEBYTECODE
PIP_INSTALL := pip install -q --no-compile -c constraints.txt

.PHONY: install dev mediapipe demo test lint bench accuracy learn backends real

install: $(VENV)/.installed

# opencv-python wants system graphics libraries that servers lack, and face-alignment wants opencv-python by name:
# the headless build of the same version takes its place.
$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "making $(VENV): 2 GB of packages, about two minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -e .
	@$(PIP_INSTALL) --no-deps --force-reinstall opencv-python-headless
	@touch $@
# dvc.lock is the record of one machine's runs: weights trained elsewhere have other bytes. Git keeps it empty
# and does not look at yours; 'git update-index --no-skip-worktree dvc.lock' makes it yours to commit.
	@git update-index --skip-worktree dvc.lock || true

dev: $(VENV)/.installed-dev

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP_INSTALL) -e ".[dev]"
	@touch $@

# The face backend 'mediapipe'; it brings OpenCV once more, and again the headless build takes its place.
mediapipe: install
	@$(PIP_INSTALL) -e ".[mediapipe]"
	@$(PIP_INSTALL) --no-deps --force-reinstall opencv-contrib-python-headless

demo: install
	dvc repro
	@python -m stages summary

# Two files of tests at a time; a file's tests stay in one process, and share what they set up.
test: dev
	python -m pytest -n 2 --dist loadfile

lint: dev
	ruff format --check .
	ruff check .
	mypy

bench: dev
	python -m benchmarks.speed

backends: install
	@test -n "$(CLIPS)" || { echo "usage: make backends CLIPS=folder-of-videos"; exit 2; }
	python -m benchmarks.accuracy.backends $(CLIPS)

learn: install
	python -m benchmarks.learn

accuracy: install
	python -m benchmarks.accuracy

real: install
	@test -n "$(CLIPS)" || { echo "usage: make real CLIPS=folder-of-videos"; exit 2; }
	python -m stages profile folder --set "sources.clips.input=$(abspath $(CLIPS))"
	dvc repro
	@python -m stages sheet clips
	@python -m stages sheet clips --all
	@python -m stages summary
