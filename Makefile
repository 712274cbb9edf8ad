# `make submission` and `make test` set up what they need. All targets: `make help`.
# The build of JAX that is installed, unless another is asked for.
BUILD := $(or $(patsubst .venv/.installed-%,%,$(firstword $(wildcard .venv/.installed-*))),cpu)
ifneq (,$(filter train-on-kaggle,$(MAKECMDGOALS)))
# There it names Kaggle's machine.
MACHINE := $(ACCELERATOR)
override ACCELERATOR := $(BUILD)
endif
ACCELERATOR ?= $(BUILD)
PYTHON ?= python3 3.13 3.12 3.11
# Of data, submit, train-on-kaggle, checkpoints, queue and lock.
OPTIONS ?=
DTYPE ?= float32
COMPAT := tests/training tests/encoders tests/backbones tests/kaggle
# They train in the versions of the lock, and would make an environment of it for each kernel.
ELSEWHERE := --ignore tests/kaggle/test_training.py --ignore tests/kaggle/test_training_kills.py
# A file's tests stay together: they share what is dear to make.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile

# $(call quoted,text): for the shell one word, whatever stands in it.
quoted = '$(subst ','\'',$(1))'

# Before the first environment is there, and with others activated, `python` is still the project's.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# session.stop_after_minutes counts from here, over all folds.
export SESSION_STARTED := $(shell date +%s)
# The installation is repeated when the build of JAX or its lock changes.
INSTALLED := .venv/.installed-$(ACCELERATOR)

.DEFAULT_GOAL := help
.PHONY: help venv ready checked recipe options doctor submission data submit leaderboard test \
	test-slow check parity compat bundle kaggle notebooks peers tpu-check gpu-check carry graph report demo smoke \
	folds train-on-kaggle train-on-kaggle-check spread spread-check torture compare try prune \
	mend checkpoints accept plots experiments queue code lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

$(INSTALLED): $(wildcard requirements/$(ACCELERATOR)-py*.txt)
	@sh requirements/install.sh .venv $(ACCELERATOR) $(PYTHON)
	@rm -f .venv/.installed-* && touch $@

venv: $(INSTALLED)  ## make .venv from the lock (ACCELERATOR=cpu|tpu|cuda, PYTHON=python3)
	@:

# DVC looks for git; in a checkout without it one setting, kept on this machine, lets it run.
ready: venv
	@test -e .git || grep -qs no_scm .dvc/config.local || dvc config --local core.no_scm true

# DVC resolves dvc.yaml with params.yaml before it does anything; what is wrong there, it tells in
# words of its own or not at all.
checked: ready
	@python -m commands.configuration

recipe: venv  ## write params.yaml from recipes/NAME.yaml, or a path (SET="folds=[0]"; FORCE=1: over edits)
	@python -m commands.recipe $(call quoted,$(NAME))$(if $(FORCE), --force)$(if \
		$(SET), --set=$(call quoted,$(SET)))

options: venv  ## every option of params.yaml: key, type, default, and what it does
	@python -m commands.options

# An accelerator that is asked for, and not only found installed, is the one to compute on.
DOCTOR := python -m commands.doctor$(if \
	$(filter command environment,$(firstword $(origin ACCELERATOR))), --accelerator '$(ACCELERATOR)')

doctor: ready  ## tell all that stands in the way of params.yaml, and what mends it
	@$(DOCTOR)

submission: doctor  ## bring the whole graph up to date: submission.csv
	@python -m commands.lock
	@dvc --wait-for-lock repro
	@python -m commands.lock --keep
	@python -m commands.summary

data: checked  ## bring Kaggle's files into data/raw, under DVC (ZIP=its archive: needs no account)
	@python -m commands.data$(if $(ZIP), --zip $(call quoted,$(ZIP))) $(OPTIONS)

submit: checked  ## bundle, upload, run on Kaggle, submit, print the score (OPTIONS=--dry-run, --csv, ...)
	@python -m commands.submit $(OPTIONS)

leaderboard: venv  ## submissions.jsonl, out of fold against the leaderboard: dvc_plots/leaderboard.html
	@python -m commands.leaderboard

test: venv  ## the tests, but for the slow ones
	@python -m pytest $(PARALLEL) -m "not slow"

test-slow: venv  ## tests that train whole folds and graphs
	@python -m pytest $(PARALLEL) -m "slow and not torture"

torture: KILLS ?= 10
torture:  ## hours: training on Kaggle's stand-in and over a cluster, killed at KILLS=10 random moments
	@$(MAKE) train-on-kaggle-check KILLS=$(KILLS)
	@$(MAKE) spread-check KILLS=$(KILLS)

check: venv  ## linting, formatting, types, and the contracts of the graph
	ruff check
	ruff format --check
	pyright
	python -m pytest tests/contract -m "not slow"

# $(call installed,name,requirements,Python): the environment .venv-name, or a skip.
installed = sh requirements/install.sh .venv-$(1) $(2) $(3) || \
	{ [ $$? = 3 ] || exit 1; echo "skipped: no environment for $(1)"; exit 0; }

# $(call elsewhere,name,Python,list): the same from requirements/list.txt (name.txt where none is
# given).
elsewhere = $(call installed,$(1),$(or $(3),$(1)).txt,$(2))

parity:  ## compare encoders with torch, live, in an environment of its own (Python 3.11)
	@$(call elsewhere,parity,3.11); .venv-parity/bin/python -m pytest $(PARALLEL) tests/parity

carry: checked  ## one archive to train on a machine without DVC (MODELS="a b")
	@python -m commands.carry pack --models $(MODELS) --into carried.tar.xz --half

gpu-check:  ## what a GPU alone can show, on a machine with one (ACCELERATOR=cuda)
	@JAX_PLATFORMS=cuda,cpu python -m pytest tests/gpu

compat:  ## train, resume, export and submit with the oldest supported libraries (Python 3.12)
	@$(call elsewhere,compat,3.12); .venv-compat/bin/python -m pytest $(PARALLEL) $(COMPAT) $(ELSEWHERE)

bundle: checked  ## pack artifacts/bundle for Kaggle (DTYPE=float32|float16|bfloat16)
	@python -m commands.bundle --dtype $(DTYPE)

kaggle: checked  ## run the kernel offline in Kaggle's own versions, on the finished graph (Python 3.12)
	@$(call elsewhere,kaggle,3.12,kaggle-image); python -m commands.rehearse --python .venv-kaggle/bin/python

notebooks: ready  ## execute notebooks/ on the sample in Kaggle's own versions (Python 3.12)
	@$(call elsewhere,kaggle,3.12,kaggle-image); .venv-kaggle/bin/python -m commands.notebooks

peers:  ## make the environments of bench/peers: torch, and the seed's recipe (Python 3.11)
	@$(call elsewhere,parity,3.11)
	@$(call elsewhere,seed,3.11)

tpu-check:  ## compile the steps for TPUs, with the TPU's own compiler but no TPU (CHECK=its options)
	@$(call elsewhere,tpu-check,3.11); .venv-tpu-check/bin/python -m tpu_check $(CHECK)

smoke: MODEL ?= tiny
smoke: FOLD ?= 0
smoke: ready  ## 20 steps of MODEL and FOLD: memory, speed, the time that all folds would take (PROFILE=1)
	@$(DOCTOR) --model '$(MODEL)'
	@python -m commands.inputs --model $(call quoted,$(MODEL))
	@GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python -m commands.smoke --model $(MODEL) --fold $(FOLD)$(if \
		$(PROFILE), --profile)

folds: MODEL ?= tiny
folds: doctor  ## train all folds of MODEL that are missing at once, one a device; then: make submission
	@python -m commands.lock
	@python -m commands.inputs --model $(call quoted,$(MODEL))
	@GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python -m commands.folds --model $(call quoted,$(MODEL))

# $(call option,name,value): --name=value, nothing where there is no value.
option = $(if $(2), --$(1)=$(call quoted,$(2)))

train-on-kaggle: MODEL ?= tiny
train-on-kaggle: checked  ## MODEL's FOLDS="0 1" on Kaggle's ACCELERATOR=cpu|gpu|tpu (OPTIONS=--dry-run, ...)
	@python -m commands.train_on_kaggle --model=$(call quoted,$(MODEL))$(call \
		option,accelerator,$(MACHINE))$(call option,folds,$(FOLDS)) $(OPTIONS)

train-on-kaggle-check: venv  ## the same against a stand-in, on the sample (KILLS=10 at random moments)
	@python -m pytest -s tests/kaggle/test_training.py
	@test -z '$(KILLS)' || KILLS='$(KILLS)' python -m pytest -s tests/kaggle/test_training_kills.py

spread: checked  ## train over a Ray cluster, then submission.csv (ADDRESS=auto, SHARED=folder; Python 3.12)
	@python -m commands.lock
	@$(call installed,spread,spread,3.12); .venv-spread/bin/python -m commands.spread$(call \
		option,address,$(ADDRESS))$(call option,shared,$(SHARED))$(call option,cpus,$(CPUS))$(call \
		option,devices,$(DEVICES)) && python -m commands.lock --keep && python -m commands.summary

spread-check: ready  ## make spread here, its nodes killed, held to the plain run (Python 3.12; KILLS=10)
	@$(call installed,spread,spread,3.12); .venv-spread/bin/python -m commands.spread_check$(call \
		option,kills,$(KILLS))$(call option,seed,$(SEED))

compare: checked  ## A beside B: members, model:seed, commits, member@commit (FOLD=one, PAGE=1: drawn)
	@python -m commands.compare --a=$(call quoted,$(A))$(if $(B), --b=$(call quoted,$(B)))$(if \
		$(FOLD), --fold=$(call quoted,$(FOLD)))$(if $(PAGE), --page)

try: checked  ## SET="models.m.train.epochs=4" on one FOLD against params.yaml (MODEL=m); trials.jsonl
	@python -m commands.trial --set=$(call quoted,$(SET))$(if $(FOLD), \
		--fold=$(call quoted,$(FOLD)))$(if $(MODEL), --model=$(call quoted,$(MODEL)))

prune: checked  ## remove outputs and lock entries that no stage of the present configuration owns
	@python -m commands.prune

mend: checked  ## remove from DVC's cache what was edited through a link; make submission makes it anew
	@python -m commands.mend

checkpoints: venv  ## what interrupted runs left: size, age (OPTIONS=--remove: what none goes on from)
	@python -m commands.checkpoints $(OPTIONS)

accept: doctor  ## golden tests, then take an edit to STAGE's code that changes no result
	@python -m commands.accept $(STAGE)

report: checked  ## the page about the run, with git's commit in it: dvc_plots/report.html
	@dvc --wait-for-lock repro --quiet report
	@python -m commands.report

demo: checked  ## a local page: essays predicted as one types (Python 3.12; MODEL=m)
	@$(call installed,demo,demo,3.12); \
		.venv-demo/bin/python -m commands.demo$(if $(MODEL), --model=$(call quoted,$(MODEL)))

graph: checked  ## every stage: what it needs, what is done; the time that is left to train
	@python -m commands.graph

plots: checked  ## learning curves, confusion, calibration and figures in dvc_plots/index.html
	@dvc plots show >/dev/null
	@python -m commands.plots

experiments: checked  ## DVC's experiments of all commits: the blend's loss, what each one changed
	@python -m commands.experiments

queue: checked  ## run what `dvc exp run --queue` set aside (OPTIONS="--jobs 2")
	@dvc exp run --run-all $(OPTIONS)

code: checked  ## hash the code for the graph; dvc.lock, if it changes, belongs in the code's commit
	@dvc --wait-for-lock repro --quiet --single-item code
	@test ! -e .git || git diff --quiet HEAD -- dvc.lock || \
		echo "dvc.lock has changed: it belongs in the same commit"

lock:  ## write every lock in requirements/ from pyproject.toml (needs uv; OPTIONS=--upgrade)
	@bash requirements/lock.sh $(OPTIONS)

clean:  ## remove environments and caches; outputs and DVC's cache stay
	rm -rf .venv .venv-* .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
