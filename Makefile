# demo: a first picture in minutes · new: your own pairs · app: draw and see what a network makes of it · test: all checks
# site: the page that draws, with its networks, as plain files · web-models: networks for it
# test-slurm: the graph as jobs of a real SLURM, one of them killed
# soak: kills, hostile input and load at length, into benchmarks/soaks.csv
# coverage, mutants: what the checks reach, and which small mistakes they would miss
# links: external links of the documentation
# audit: known vulnerabilities of the pins · pins: refresh them
# tools, kaggle, s3: packages that `make demo` does without (pyproject.toml)
# bench: speed ratios into benchmarks/RESULTS.md · publish, fetch: data, weights and results, to and from others (s3)
# Recipes name programs by path, as make 3.81 (a Mac's) does not look for them in this PATH; what they start does
export PATH := $(CURDIR)/.venv/bin:$(PATH)
ASKED := $(filter-out undefined,$(origin PYTHON))
PYTHON ?= python3
override PYTHON := $(or $(shell command -v $(PYTHON) 2>/dev/null),$(PYTHON))
VERSION := -c 'import sys; print(sys.version_info[:2])'
# "yes" if .venv was made in this place, its Python has its packages, and is of the version that a caller's PYTHON has
WHOLE := $(shell exec 2>/dev/null; . .venv/bin/activate && [ "$$VIRTUAL_ENV" -ef .venv ] && \
  .venv/bin/python -c 'from importlib import util; raise SystemExit(not util.find_spec("dvc"))' && \
  $(if $(ASKED),[ "$$($(PYTHON) $(VERSION))" = "$$(.venv/bin/python $(VERSION))" ] &&) echo yes)
# on two cores three processes, as some tests wait; whichever is done first takes over tests of another
SIDE_BY_SIDE := -n 3 --dist worksteal
PINS := --universal --python-version 3.11 --no-emit-index-url --no-header
BOTH := import json, sys; t = json.load(sys.stdin)["totals"]; \
  found = t["percent_statements_covered"], t["percent_branches_covered"]; \
  print("lines %.1f %%, branches %.1f %%" % found); sys.exit(min(found) < 95)
# there the files of coverage may not grow, either
CRAMPED := tests/fault_tolerance/test_disks.py::test_a_file_that_may_not_grow_stops_a_verb_and_loses_nothing[download]

.PHONY: demo new trained-demo_cars trained-demo_facades app site release web-models test laws test-slurm lint soak coverage mutants bench readme links schema same-bits pins audit publish fetch tools kaggle s3

demo: .venv/ready            ## draw data, train, score: ends with a picture
	@git rev-parse 2>/dev/null || .venv/bin/dvc config --quiet --local core.no_scm true
	.venv/bin/dvc repro -q prepare@toy_cars prepare@toy_facades
	@$(MAKE) --no-print-directory -j 2 trained-demo_cars trained-demo_facades
	.venv/bin/dvc repro report@demo
	@cat results/demo.md
	@echo "Pictures and tables:  $(CURDIR)/results/demo.png, demo.md"
	@echo "Next, draw yourself:  make app"
	@echo "Next, read the page:  $(CURDIR)/results/demo.html"
	@echo "Next, your own pairs: make new NAME=mine PAIRS=FOLDER"
	@git diff --quiet dvc.lock 2>/dev/null; [ $$? != 1 ] || echo "Before a git pull:    git checkout dvc.lock"

trained-demo_cars trained-demo_facades:  # side by side, each on a thread and with a progress bar
	$(if $(findstring cars,$@),,TQDM_POSITION=1) .venv/bin/dvc --wait-for-lock repro -q --single-item train@$(@:trained-%=%)

new: .venv/ready             ## your own pairs, a folder or an archive: make new NAME=mine PAIRS=../my_pairs
	@.venv/bin/python -m tools.new "$(NAME)" "$(PAIRS)" $(if $(DIRECTION),--direction $(DIRECTION))

app: .venv/page              ## the page, on this machine alone: draw, and a trained network answers
	.venv/bin/python -m app.page

site: .venv/ready web/node_modules/ready  ## the page for any browser, in site/
	.venv/bin/python -m tools.site

release: .venv/ready         ## networks, tables, records and their checksums, in dist/
	.venv/bin/python -m tools.release

web-models: .venv/tools      ## the networks of the site, from trained experiments: make web-models EXPERIMENTS="demo_facades demo_cars"
	.venv/bin/python -m tools.web_model $(EXPERIMENTS)

web/node_modules/ready: web/package-lock.json
	npm ci --prefix web --ignore-scripts --no-audit --no-fund
	touch $@

test: .venv/checks           ## lint, types, laws, both engines end to end; side by side
	@$(MAKE) --no-print-directory -j 2 lint laws

laws: .venv/checks
	.venv/bin/pytest $(SIDE_BY_SIDE)

test-slurm: .venv/checks     ## the graph as jobs of a real SLURM of one node; installs it as root on Debian, or skips
	tests/slurm.sh .venv/bin/pytest tests/pipeline/test_slurm.py

lint: .venv/checks
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	@[ ! -x web/node_modules/.bin/tsc ] || web/node_modules/.bin/tsc -p web

soak: .venv/checks           ## the full rounds of the long laws (hours), into benchmarks/soaks.csv
	.venv/bin/pytest --soak -m soak

coverage: .venv/checks       ## lines and branches of stages/ and pix2pix/ that the laws reach, each at least 95 %
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest $(SIDE_BY_SIDE) --deselect "$(CRAMPED)"
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report --skip-covered --show-missing
	@.venv/bin/coverage json -q -o - | .venv/bin/python -c '$(BOTH)'

mutants: .venv/checks        ## small mistakes in the numbers that no law notices, into benchmarks/MUTANTS.md
	.venv/bin/python -m benchmarks.mutants

bench: .venv/checks          ## every speed claim, as ratios in one run
	.venv/bin/python -m benchmarks.bench
	.venv/bin/python -m benchmarks.scale

readme: .venv/ready          ## write results/ and records/ into README.md and docs/results.md
	.venv/bin/python -m tools.readme

links: .venv/ready           ## ask for every external link of the documentation; fails where one is dead
	.venv/bin/python -m tools.links

schema: .venv/ready          ## write config/schema.json, by which an editor explains params.yaml and config/
	.venv/bin/python -m tools.schema

same-bits: .venv/ready       ## record results as made by today's code, if it moves no bit: make same-bits BASE=COMMIT
	@.venv/bin/python -m tools.same_bits $(BASE)

publish fetch: .venv/ready   ## outputs of stages to, or from, others: make publish REMOTE=FOLDER_OR_URL WHAT="report@facades"
	@.venv/bin/python -m tools.dvc_remote $@ $(WHAT) $(if $(REMOTE),--to "$(REMOTE)")

tools kaggle s3: %: .venv/%  ## ONNX, FID, TensorBoard · Carvana from Kaggle · publish to, and fetch from, s3:// too

pins: .venv/ready            ## refresh requirements*.txt from pyproject.toml, for every platform
	.venv/bin/uv pip compile $(PINS) --upgrade --group checks pyproject.toml -o requirements-all.txt
	.venv/bin/uv pip compile $(PINS) --upgrade -c requirements-all.txt pyproject.toml -o requirements.txt

audit: .venv/checks          ## fails unless every pin for this platform was asked about and none is known to be vulnerable
	.venv/bin/pip-audit --strict --no-deps --disable-pip -r requirements-all.txt

ifndef WHOLE
.PHONY: .venv/ready
endif
.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 14) and \
	  "error: Python 3.11 to 3.14 is needed, this is %d.%d; try make PYTHON=python3.12" % v)'
	@[ ! -L .venv ] || { echo "error: .venv is a link to an environment that does not fit this clone; remove it" >&2; exit 1; }
	$(PYTHON) -m venv $(if $(WHOLE),,--clear) .venv
	.venv/bin/python -m pip install --quiet "$$(grep ^uv== requirements.txt)"
	.venv/bin/uv pip install --python .venv/bin/python --compile-bytecode -r pyproject.toml -c requirements.txt
	touch $@

.venv/page .venv/tools .venv/kaggle .venv/s3 .venv/checks: .venv/%: .venv/ready requirements-all.txt
	.venv/bin/uv pip install --python .venv/bin/python --group $* -c requirements-all.txt
	@[ $* != checks ] || ! command -v npm >/dev/null || $(MAKE) --no-print-directory web/node_modules/ready
	touch $@
