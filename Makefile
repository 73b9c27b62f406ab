# `make benchmark` (the main job), `make demo` and `make test`. Each installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: benchmark demo test test-workflow test-parts document-test slurm-test cluster-test extras-test lint types docs cuda-compile gpu-benchmark lock clean
.DEFAULT_GOAL := benchmark

benchmark: $(INSTALLED)
	$(BIN)/snakemake benchmark_report
	@echo "report: results/benchmarks/benchmark/report.html"

# One short training run, and its report.
demo: $(INSTALLED)
	$(BIN)/daf demo

# Two halves side by side: much of each is one small process after the other.
test: $(INSTALLED)
	+$(MAKE) --no-print-directory --jobs=2 test-workflow test-parts

WHOLE := $(addprefix tests/,bad_input cli deploy export jobs learn orchestrators project workflow)

test-workflow: $(INSTALLED)
	$(BIN)/python -m pytest $(WHOLE)

test-parts: $(INSTALLED)
	$(BIN)/python -m pytest $(addprefix --ignore=,$(WHOLE))

# Every example of the document that describes the Python API.
document-test: $(INSTALLED)
	$(BIN)/python -m pytest -m slow tests/orchestrators/test_seed_document.py

# The main job on a real Slurm that runs on this machine as long as the test (Debian, as root).
SLURM := slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge

slurm-test: $(INSTALLED)
	@test "$$(id -u)" = 0 || { echo "error: make slurm-test needs root"; exit 1; }
	dpkg --status $(SLURM) > /dev/null 2>&1 \
		|| { apt-get update && apt-get install --yes --no-install-recommends $(SLURM); }
	$(BIN)/python -m pip install --quiet --requirement requirements-cluster.lock
	$(BIN)/python -m pytest -m slurm tests/slurm

# What would be submitted to Kubernetes, against the types of its API.
cluster-test: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --requirement requirements-cluster.lock
	$(BIN)/python -m pytest -m cluster

# Environments of other libraries, ONNX, and the examples of the documentation.
extras-test: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --requirement requirements-extras.lock
	$(BIN)/python -m pytest -m 'extras and not slow and not benchmarl'

# basedpyright over daf/; it reads the types of the libraries of the extras.
types: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --requirement requirements-extras.lock
	$(BIN)/basedpyright --pythonpath $(BIN)/python

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_names.py
	$(BIN)/codespell daf workflow docs config *.md
	.ci/lint-workflow $(BIN)/snakemake

# The documentation as HTML pages, build/docs/index.html; a warning is an error.
docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --requirement requirements-docs.lock
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "documentation: build/docs/index.html"

# Compiles every kernel for CUDA (sm_90) without a GPU.
cuda-compile: $(INSTALLED)
	$(BIN)/python .ci/compile_kernels.py

# Speeds of simulator and training on a GPU, as Markdown; the numbers in results/engine/.
gpu-benchmark: $(INSTALLED)
	$(BIN)/python -m daf.sim.benchmark --scaling --device cuda --json results/engine/scaling.json
	$(BIN)/python -m daf.learn.benchmark --device cuda

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: $(PYTHON) is older than Python 3.11; use make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

TORCH := torch==2.13.0
EXTRAS := figures,gymnasium,notebook,onnx,pettingzoo,sb3,skrl,tensorboard,torchrl,video

# Writes the locks anew from the newest versions that pyproject.toml allows.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet '.[dev]' $(TORCH)
	echo '# Pinned versions for development, tests and the main job; written by `make lock`.' > $@.new
	build/lock/bin/python -m pip freeze --exclude daf | sed 's/+cpu$$//' | grep -v '^nvidia\|^triton' >> $@.new
	mv $@.new requirements.lock
	build/lock/bin/python -m pip install --quiet --constraint requirements.lock '.[cluster]'
	echo '# What the extra `cluster` needs besides requirements.lock; written by `make lock`.' > $@.new
	build/lock/bin/python -m pip freeze --exclude daf | sed 's/+cpu$$//' | grep -v '^nvidia\|^triton' \
		| grep -vxFf requirements.lock >> $@.new
	mv $@.new requirements-cluster.lock
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --constraint requirements.lock '.[docs]'
	echo '# What the extra `docs` needs besides requirements.lock; written by `make lock`.' > $@.new
	build/lock/bin/python -m pip freeze --exclude daf | sed 's/+cpu$$//' | grep -v '^nvidia\|^triton' \
		| grep -vxFf requirements.lock >> $@.new
	mv $@.new requirements-docs.lock
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --constraint requirements.lock '.[$(EXTRAS)]'
	echo '# What the extras of environments, exports, ONNX and notebooks need besides requirements.lock; written by `make lock`.' > $@.new
	build/lock/bin/python -m pip freeze --exclude daf | sed 's/+cpu$$//' | grep -v '^nvidia\|^triton' \
		| grep -vxFf requirements.lock >> $@.new
	mv $@.new requirements-extras.lock

clean:
	rm -rf $(VENV) build dist
