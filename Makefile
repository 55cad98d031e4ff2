# Truceline: `make demo` to see it, `make test` to check it, `make help` for the rest.

.DEFAULT_GOAL := help
.PHONY: help demo build setup test test-long bench soak lint clean

export CARGO_INCREMENTAL ?= 0
DEMO_ARGS ?=
SOAK_SECONDS ?= 3600
SOAK_DEVICES ?= 1000
SOAK_DIR ?= target/soak

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## Run a whole Truceline with a simulated scenario, and a page to open
	@scripts/setup.sh build
	cargo build --release --locked
	@exec target/release/truceline demo $(DEMO_ARGS)

build: ## Build the release binaries
	@scripts/setup.sh build
	cargo build --release --locked --workspace

setup: ## Install what the tests need: Mosquitto, Chromium, a real InfluxDB 2
	@scripts/setup.sh test

test: setup lint ## Check everything, with a real Mosquitto and a real InfluxDB 2
	cargo test --workspace --locked

test-long: setup ## The same tests with many more rounds
	TRUCELINE_LONG=1 PROPTEST_CASES=4000 cargo test --workspace --locked --release -- --nocapture

bench: setup ## Measure geometry, judgement and ingest, each with a peer in the same run
	cargo bench --locked -p truceline-core
	cargo build --release --locked -p truceline -p ingest-bench
	target/release/ingest-bench --influxd "$$(scripts/influxd.sh)"
	target/release/ingest-bench latency

soak: setup ## Run at a steady rate for SOAK_SECONDS (an hour); fail when memory, handles or latency grow
	cargo build --release --locked -p truceline -p ingest-bench
	target/release/ingest-bench latency --seconds $(SOAK_SECONDS) --devices $(SOAK_DEVICES) --alerts 1 --soak $(SOAK_DIR)

lint: ## Format and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

clean: ## Remove what was built
	cargo clean
