# Two commands matter: `make demo` and `make test`. `make help` lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test browser chaos walk fuzz bench load lint fmt clean

# The demo's folder; it is kept, and used again by the next run.
DATA ?= data
# With ONCE=1 the demo ends after its table, and fails if an outcome is not the expected one.
ONCE ?=
# The first of four ports in a row for a new folder's doors; the usual ones if empty.
PORT ?=

TARGET = $(or $(CARGO_TARGET_DIR),target)/debug
# The whole workspace with its tests each time: tests and demo then share one build.
BUILD = cargo build --workspace --all-targets

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make demo DATA=folder PORT=20443   another folder, other ports'
	@echo '  make demo ONCE=1                   end after the table; non-zero if an outcome differs'

demo: ## Install, build, start everything, send the fixtures, show the table, stay up
	@scripts/setup.sh demo
	$(BUILD)
	@$(TARGET)/sekisho-tools demo --data '$(DATA)' $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

test: ## Everything: formatting, lints, all tests, the demo once from nothing, every page in a browser
	@scripts/setup.sh test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BUILD) --locked
	cargo nextest run --workspace --locked --profile whole
	YARA_CRYPTO_LIB=disable cargo nextest run --workspace --locked --features sekisho-jail/libyara --test second_opinion
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && \
	    $(TARGET)/sekisho-tools demo --data "$$data/data" --once --port 28443
	node tests/browser/run.mjs --tools $(TARGET)/sekisho-tools --port 29443

browser: ## Every page of every door in Chromium; SHOTS=folder leaves a picture of each
	@scripts/setup.sh test
	$(BUILD)
	node tests/browser/run.mjs --tools $(TARGET)/sekisho-tools --port 29443 $(if $(SHOTS),--shots $(SHOTS))

chaos: ## Kill every part at random while patients send: CYCLES (200) or SECONDS, ON=servers, SEED, EARLIER=folder of programs
	@scripts/setup.sh test
	$(BUILD)
	@$(TARGET)/sekisho-tools chaos $(if $(SECONDS),--seconds $(SECONDS),--cycles $(or $(CYCLES),200)) \
	    $(if $(filter servers,$(ON)),--servers) $(if $(SEED),--seed $(SEED)) \
	    $(if $(EARLIER),--earlier $(EARLIER))

walk: ## Fail each call to database, store, clamd and jail in every way; ONLY=review-database,jail ACTS=scan STEPS=5 SEED
	@scripts/setup.sh test
	$(BUILD)
	@$(TARGET)/sekisho-tools walk $(if $(ONLY),--only $(ONLY)) $(if $(ACTS),--acts $(ACTS)) $(if $(STEPS),--steps $(STEPS)) \
	    $(if $(SEED),--seed $(SEED))

fuzz: ## Fuzz every way in for SECONDS each (600) with cargo-fuzz; ONLY='look text' for some alone
	@SECONDS_EACH=$(or $(SECONDS),600) scripts/fuzz.sh $(ONLY)

bench: ## Measure against bare engines, a script and nginx; BENCH='--only a,b --photos 40 --json'
	@scripts/setup.sh bench
	cargo build --release --locked -p sekisho -p sekisho-jail -p sekisho-tools --bins
	@$(dir $(TARGET))release/sekisho-tools bench $(BENCH)

load: ## Drive the doors with many links at once; LOAD='--links 100 --rate 2 --seconds 120 --together 200 --buckets'
	@scripts/setup.sh bench
	cargo build --release --locked -p sekisho -p sekisho-jail -p sekisho-tools --bins
	@$(dir $(TARGET))release/sekisho-tools load $(LOAD)

lint: ## Formatting, lints, and the licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then \
	    cargo deny --offline check licenses bans sources; \
	else \
	    echo 'not checked: dependencies; cargo install cargo-deny --locked, then run this again'; \
	fi

fmt: ## Format the sources
	cargo fmt --all

clean: ## Remove what was built; the demo's folder stays
	cargo clean
