# All targets use the environment in .venv, which is made when it is first needed.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

.PHONY: help install browser demo test slow coverage lint format types check

help:
	@echo "make demo      install, train a small model, score it, transcribe a recording (in demo/)"
	@echo "make test      install, run the tests"
	@echo "make check     lint, types, tests: must pass before a change is merged"
	@echo "make install   the environment only, in $(VENV)"
	@echo "make browser   install Chromium, in which the tests try the pages (without it they skip that)"
	@echo "also           slow (tests that take minutes), coverage, lint, format, types"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "amt needs Python 3.11 or newer, not $$($(PYTHON) -V 2>&1); try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>&- || \
		{ echo "$(PYTHON) cannot make environments; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-compile --disable-pip-version-check -e ".[dev]"
	@touch $@

# Debian's where packages may be installed, else Playwright's own, in the user's cache.
browser: $(INSTALLED)
	@command -v chromium || command -v google-chrome || command -v chrome || \
	{ [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy --no-install-recommends chromium; } || \
	$(BIN)/playwright install chromium || \
	{ echo "Chromium could not be installed, so the tests of the pages are skipped. On Debian or Ubuntu:"; \
	echo "sudo apt install chromium; elsewhere: $(BIN)/playwright install --with-deps chromium"; }

demo: $(INSTALLED)
	$(BIN)/python train.py model=lstm name=demo hydra.run.dir=demo/model
	$(BIN)/python evaluate.py ckpt=demo/model/checkpoints/best.ckpt output=demo/scores
	$(BIN)/python experiments/demo/demo_recording.py demo/recording.wav demo/recording.mid
	$(BIN)/amt transcribe demo/recording.wav --ckpt demo/model/checkpoints/best.ckpt \
		--output demo/transcription --format mid,png,wav
	@echo
	@echo "demo/model/          checkpoints, training curve (metrics.csv), configuration"
	@echo "demo/scores/         scores on test pieces"
	@echo "demo/recording.wav   a synthetic recording; demo/recording.mid holds its notes"
	@echo "demo/transcription/  its transcription: MIDI, a picture, and audio"
	@echo
	@echo "Next, transcribe a recording of yours:"
	@echo "  $(BIN)/amt transcribe YOURS.mp3 --ckpt demo/model/checkpoints/best.ckpt"

test: $(INSTALLED)
	$(BIN)/python -m pytest

slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

coverage: $(INSTALLED)
	$(BIN)/python -m pytest --cov=amt --cov-report=term-missing:skip-covered --cov-fail-under=90

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(INSTALLED)
	$(BIN)/mypy

check: lint types test
