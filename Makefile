# Every target creates the environment if it is missing, and updates it when the lock file changes.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
# The extra `gpu`, CUDA's libraries, only where there is an NVIDIA driver (WSL has only the command); GPU= leaves it out.
NVIDIA_DRIVER := /proc/driver/nvidia/version
GPU := $(firstword $(wildcard $(NVIDIA_DRIVER)) $(shell command -v nvidia-smi 2>/dev/null))
# A Python that the user selects, such as UV_PYTHON=3.12, gets a stamp of its own, so that `make` notices a new choice.
ENVIRONMENT := $(VENV)/.synced$(if $(GPU),-gpu)$(if $(UV_PYTHON),-$(subst /,_,$(UV_PYTHON)))
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)

# For Python 3.12 and 3.13, ML Metadata and TFDV have wheels for glibc >= 2.39 only: see docs/install.md. There uv selects
# any Python that `requires-python` allows, elsewhere 3.11.
GLIBC := $(lastword $(shell getconf GNU_LIBC_VERSION 2>/dev/null))
OLD_GLIBC := $(filter-out 2.39,$(firstword $(shell printf '%s\n' 2.39 $(GLIBC) | sort --version-sort)))
PYTHONS := Python 3.11$(if $(OLD_GLIBC),,, 3.12 or 3.13)
ifneq ($(OLD_GLIBC),)
export UV_PYTHON ?= 3.11
endif

# uv from PATH; otherwise it is installed from the package registry into a folder of the project.
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# Any Python can install uv; uv then finds one that the project supports.
PYTHON := $(shell command -v python3.11 || command -v python3 || command -v python)
SYNC = $(UV) sync --quiet --locked --all-extras $(if $(GPU),,--no-extra gpu) --compile-bytecode

.PHONY: help env run test test-slow coverage fuzz mutation lint bench bench-quick bench-compare docs dist sbom audit clean \
	flink-start flink-stop spark-start spark-stop

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(ENVIRONMENT) ## make the locked environment in .venv

run: $(ENVIRONMENT) ## run the pipeline on the embedded sample; ARGS="..." goes to `vocseg run`
	@$(VENV)/bin/vocseg run $(ARGS)

PYTEST := $(VENV)/bin/python -m pytest
test: $(ENVIRONMENT) ## run the tests
	$(PYTEST) $(ARGS)

# Each part ends within 20 minutes on two quiet cores, `faults` within 30, `fuzz` in hours: a minute for each fuzz target,
# and thousands of files at five doors; with BOMBS_EVERY=20 in the environment every twentieth, with BOMBS_MATCHING=gif
# those alone whose name matches the regular expression.
SLOW_PARTS := networks components dataset pipeline runs data faults beam clusters kubeflow fuzz project
slow-networks := tests/components/networks tests/components/training
slow-components := tests/components/data_validator tests/components/detector_trainer tests/components/model_pusher \
	tests/components/model_smoke_test tests/components/saved_model \
	tests/components/segmentation_evaluator tests/components/segmentation_trainer tests/components/targets
slow-dataset := tests/tfds_voc_seg tests/e2e/test_install.py
slow-pipeline := tests/pipeline tests/kubeflow
slow-runs := tests/e2e/test_pipeline.py tests/e2e/test_what_is_published.py tests/e2e/object_store tests/e2e/test_published_with_targets.py tests/e2e/test_tracking.py
slow-data := tests/e2e/test_own_label_set.py tests/e2e/test_imported_data.py tests/e2e/test_full_disk.py tests/e2e/test_shapes.py
slow-faults := tests/faults
slow-fuzz := tests/fuzz
slow-beam := tests/e2e/test_beam_engines.py tests/e2e/test_clusters.py
slow-clusters := tests/e2e/test_whole_runs_on_clusters.py
slow-kubeflow := tests/e2e/test_kubeflow_emulated.py
slow-project := tests/benchmarks tests/test_distributions.py tests/test_workflows.py tests/docs

# The commands with faults use one core each, so that two test files at once are quicker; training uses all cores.
PROCESSES := 0
test-slow-faults: PROCESSES := 2

.PHONY: $(SLOW_PARTS:%=test-slow-%)
test-slow: $(SLOW_PARTS:%=test-slow-%) ## run the slow tests, part by part; test-slow-PART runs one part

$(SLOW_PARTS:%=test-slow-%): test-slow-%: $(ENVIRONMENT)
	$(PYTEST) -m slow -n $(PROCESSES) --timeout 1200 $(slow-$*) $(ARGS)

test-slow-fuzz: atheris

# Tests are slower under coverage, so they get more time. The part `fuzz` takes hours and is left out.
COVERED_PARTS := $(if $(filter 1,$(SLOW)),$(filter-out fuzz,$(SLOW_PARTS)),$(SLOW))
coverage: PYTEST := $(VENV)/bin/coverage run -m pytest
coverage: override ARGS += --timeout 1800
coverage: coverage-erase test $(COVERED_PARTS:%=test-slow-%) ## measure which lines the quick tests run; SLOW=1 adds the slow tests, SLOW="PART ..." some
	$(VENV)/bin/coverage combine --quiet
	$(VENV)/bin/coverage report

.PHONY: coverage-erase
coverage-erase:
	rm -rf build/coverage

FUZZ_TARGETS := header_reading photo_reading request_decoding mask_reading record_parsing annotation_reading \
	list_reading label_set_reading configuration_reading override_reading coco_reading labelme_reading cvat_reading \
	exported_model_reading archive_unpacking
FUZZ_SECONDS := 60

.PHONY: atheris
atheris: $(ENVIRONMENT)
	$(SYNC) --group fuzz

fuzz: atheris ## fuzz each target with atheris for a minute; FUZZ_SECONDS=3600 for an hour, FUZZ_TARGETS="..." for some
	@set -e; for target in $(FUZZ_TARGETS); do echo "== $$target"; mkdir -p build; \
		$(VENV)/bin/python -m tests.fuzz.fuzz $$target build/corpus/$$target \
		-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20 -rss_limit_mb=6144 -artifact_prefix=build/; done

# MODULES names parts or modules of [tool.voc-seg.mutation] in pyproject.toml; SAMPLE=20 takes 20 mutants per module.
mutation: $(ENVIRONMENT) ## mutate the core modules, count what the tests notice; MODULES="counts components.training.losses"
	$(SYNC) --group mutation
	@$(VENV)/bin/python -m tests.mutation.run $(if $(SAMPLE),--sample $(SAMPLE)) $(MODULES)

lint: $(ENVIRONMENT) ## check style, format, types, layers, dependencies and dead code
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/deptry .
	$(VENV)/bin/vulture

bench: $(ENVIRONMENT) ## measure everything, in 1.5 hours; DEVKIT=DIR measures on a devkit of yours, ARGS="--only NAME" a part
	@$(VENV)/bin/python -m benchmarks $(DEVKIT) $(ARGS)

bench-quick: $(ENVIRONMENT) ## measure smaller sizes in minutes; results in build/bench.json
	@$(VENV)/bin/python -m benchmarks --quick --json build/bench.json $(DEVKIT) $(ARGS)

bench-compare: $(ENVIRONMENT) ## say what got slower: build/bench.json, or NEW=FILE, compared with the stored baseline
	@$(VENV)/bin/python -m benchmarks.compare benchmarks/baseline.json $(or $(NEW),build/bench.json)

# The first start downloads the engine from PyPI, and Beam's job server from Maven Central; they stay in build/clusters.
flink-start: $(ENVIRONMENT) | $(UV) ## start a Flink cluster on this machine and say how to use it; flink-stop ends it
	@$(VENV)/bin/python -m clusters flink start

flink-stop: $(ENVIRONMENT)
	@$(VENV)/bin/python -m clusters flink stop

spark-start: $(ENVIRONMENT) | $(UV) ## the same for Spark; spark-stop ends it
	@$(VENV)/bin/python -m clusters spark start

spark-stop: $(ENVIRONMENT)
	@$(VENV)/bin/python -m clusters spark stop

# Draws the diagrams of the documentation. Without it, a page loads it from unpkg.com.
MERMAID_VERSION := 11.17.2
MERMAID_SHA256 := 581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8
MERMAID := build/mermaid-$(MERMAID_VERSION)

$(MERMAID).min.js:
	@mkdir -p build
	@npm pack --silent --pack-destination build mermaid@$(MERMAID_VERSION) >/dev/null && \
		tar -xzOf $(MERMAID).tgz package/dist/mermaid.min.js >$(MERMAID).part && \
		echo "$(MERMAID_SHA256)  $(MERMAID).part" | sha256sum --quiet --check && mv $(MERMAID).part $@ || \
		echo "npm could not fetch mermaid $(MERMAID_VERSION): the site needs a network to draw its diagrams"

docs: $(ENVIRONMENT) $(MERMAID).min.js ## build the documentation as a site in build/site
	$(SYNC) --group docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --quiet
	@echo "build/site/index.html"

dist: | $(UV) ## build the source distribution and the wheel in dist/
	rm -rf dist
	$(UV) build --quiet --out-dir dist

sbom: | $(UV) ## list all locked dependencies in build/sbom.cdx.json (CycloneDX)
	@mkdir -p build
	$(UV) export --quiet --locked --all-extras --format cyclonedx1.5 --output-file build/sbom.cdx.json

audit: | $(UV) ## compare all locked dependencies with the vulnerabilities in the OSV database (api.osv.dev)
	$(UV) audit --quiet --locked --preview-features audit-command --python-version 3.11

clean: ## remove the environment, the runs and everything built
	rm -rf $(VENV) .uv runs build dist mutants *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(ENVIRONMENT): pyproject.toml uv.lock setup.py | $(UV)
	@echo "$(SYNC)"
	@$(SYNC) || { echo "The environment cannot be created. On this machine, with glibc $(GLIBC), it needs $(PYTHONS)," \
		"the headers of that Python and a C++ compiler: see docs/install.md"; exit 1; }
	@touch $@

.uv/bin/uv:
	@test -n "$(PYTHON)" || { echo "$(PYTHONS) is needed: install it and run make again"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "$(PYTHON) has no pip: install pip or uv and run make again"; exit 1; }
	$(PYTHON) -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target .uv uv==$(UV_VERSION)
