# What a newcomer, a contributor and CI need. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help quickstart build test bench goldens format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

quickstart: build ## Train, trace and probe a small model, in a few minutes
	@sh scripts/quickstart.sh

build: ## Install what is missing and build the commands
	@sh scripts/deps.sh
	@swift build -c release

test: ## Install what the tests need and run them all
	@sh scripts/test.sh

bench: ## Measure speed against PyTorch
	@sh scripts/deps.sh bench
	@sh scripts/venv.sh .venv-bench scripts/bench-requirements.txt
	@PYTHON="$(CURDIR)/.venv-bench/bin/python" sh Benchmarks/run.sh

goldens: ## Make the golden files again, with PyTorch
	@sh scripts/deps.sh bench
	@sh scripts/venv.sh .venv-bench scripts/bench-requirements.txt
	@.venv-bench/bin/python Tests/Goldens/make_goldens.py

format: ## Format the sources
	@swift format --in-place --parallel --recursive $(wildcard Sources Tests Examples Benchmarks) Package.swift

clean: ## Remove what was built; keep runs, traces and checkpoints
	@rm -rf .build .venv-test .venv-bench
