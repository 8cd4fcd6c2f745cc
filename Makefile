# The course's commands. `make lab` is for learners, `make test` for whoever changes something; `make help` lists the rest.
PYTHON ?= python3
PY = .venv/bin/python
PYTEST = $(PY) -m pytest -q
LESSONS = $(wildcard notebooks/[0-9][0-9]_*.ipynb)
NBVAL = --nbval --nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout 1500 --nbval-kernel-startup-timeout 600
# Over the cores, up to four; tests/conftest.py and notebooks/conftest.py say what stays together and what comes first.
SHARED = -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

.PHONY: help lab test unit nbval quick ruff lessons measure bench instructor slides nbgrader site clean data

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

lab: .venv/lab.done  ## install what is missing, then open JupyterLab on lesson 00 (LAB_ARGS=--allow-root as root)
	@$(PY) -m course_lib.data fetch first || echo "A lesson that needs what is missing will say so; JupyterLab opens."
	$(PY) tools/open_lab.py $(LAB_ARGS)

test: unit nbval  ## every test: ruff, the tests, the browser, strict nbval over the lessons

unit: .venv/test.done data ruff  ## the first half of `make test`: all but nbval
	$(PYTEST) $(SHARED) -rs tests

nbval: .venv/test.done data  ## the second half: run the lessons, compare every output (LESSONS=notebooks/03_*.ipynb)
	$(PYTEST) $(SHARED) $(NBVAL) $(LESSONS)

quick: .venv/test.done data ruff  ## ruff and the fast tests, in some three minutes
	$(PYTEST) $(SHARED) tests -m "not slow and not browser"

lessons: .venv/test.done data  ## rebuild and run the learners' notebooks from notebooks/src
	$(PY) tools/build_lessons.py --only learner

instructor: .venv/test.done data  ## build the instructors' and the type-along notebooks in build/
	$(PY) tools/build_lessons.py --only instructor
	$(PY) tools/build_lessons.py --only live

slides: .venv/test.done data  ## the lessons as slides with speaker notes, for a browser without a network, in build/slides/
	$(PY) tools/build_slides.py

site: .venv/test.done  ## all lessons as pages to read without Jupyter, in build/site/ (SITE_ARGS="--repository OWNER/NAME")
	$(PY) tools/build_site.py $(SITE_ARGS)

nbgrader: .venv/test.done  ## the lessons as assignments of nbgrader's, in build/nbgrader/
	$(PY) tools/build_nbgrader.py

measure: .venv/test.done data  ## measure each lesson's seconds and memory into notebooks/costs.json
	$(PY) tools/measure_lessons.py
	$(PY) tools/build_lessons.py --only learner --no-run

bench: .venv/bench.done data  ## measure speed and quality beside the peers into benchmarks/results/
	$(PY) benchmarks/word2vec.py
	$(PY) benchmarks/counts.py
	$(PY) benchmarks/glove.py
	$(PY) benchmarks/fasttext.py
	$(PY) benchmarks/word_vectors.py
	$(PY) benchmarks/ngram.py
	$(PY) benchmarks/tokenizers.py
	$(PY) benchmarks/attention.py
	$(PY) benchmarks/transformer_races.py
	$(PY) benchmarks/dates.py
	$(PY) benchmarks/llama_parts.py
	$(PY) benchmarks/bert.py
	$(PY) benchmarks/finetuning.py
	$(PY) benchmarks/fill_mask.py
	$(PY) benchmarks/labels.py
	$(PY) benchmarks/gpt.py
	$(PY) benchmarks/decoding.py
	$(PY) benchmarks/llama.py
	$(PY) benchmarks/adapting.py
	$(PY) benchmarks/languages.py
	$(PY) benchmarks/images.py
	$(PY) benchmarks/scaling.py
	$(PY) benchmarks/xray.py
	$(PY) benchmarks/privacy.py
	$(PY) benchmarks/grading.py
	$(PY) benchmarks/last_table.py

clean:  ## remove the environment, builds and caches; your lessons in work/ and the downloaded data stay
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path "./work/*" -prune -exec rm -rf {} +

ruff: .venv/test.done
	$(PY) -m ruff check .

# The set-up: one environment, one file in it per finished step, so that a second call needs no pip and no network. Where
# an upgrade took its Python away, nothing in it is of use, and it is made anew. Packages that are there, but cannot be
# brought up to date, are used as they are.
WHOLE = import os, sysconfig; os.listdir(sysconfig.get_path('purelib'))
GONE := $(shell test ! -L $(PY) || ($(PY) -c "$(WHOLE)") >/dev/null 2>&1 || echo made-anew)
INSTALL = $(PY) -m pip install -c constraints.txt -e
# One set-up at a time: only one of two processes can make a folder.
ALONE = mkdir .setting-up 2>/dev/null || { echo "Another make is setting .venv up: wait for its end, then call make again. (If there is none, delete the folder .setting-up first.)"; exit 1; }; \
	trap 'rmdir .setting-up' EXIT; trap 'exit 1' INT TERM;
OR_AS_BEFORE = && touch $@ || { test -e $@ && echo "pip could not finish (see above): going on with what is installed."; }

data: .venv/lab.done
	$(PY) -m course_lib.data fetch first

.venv/lab.done: pyproject.toml constraints.txt $(GONE)
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer, or name yours, as in: make lab PYTHON=python3.12"; exit 1; }
	@$(PYTHON) tools/check_python.py
	@$(ALONE) $(PY) -m pip --version >/dev/null 2>&1 || { rm -f .venv/*.done; $(PYTHON) -m venv --clear .venv || exit 1; }; \
	$(INSTALL) ".[lab,hub]" $(OR_AS_BEFORE)

.venv/test.done: .venv/lab.done
	@$(ALONE) $(INSTALL) ".[lab,hub,test,site,slides]" $(OR_AS_BEFORE)

.venv/bench.done: .venv/lab.done
	@$(ALONE) $(INSTALL) ".[lab,hub,bench]" $(OR_AS_BEFORE)

.PHONY: made-anew
made-anew:
	@echo "The Python of .venv is gone: making it anew."
