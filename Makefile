# `make` alone says what there is. Two commands matter: `make run` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Cargo and npm use all cores by themselves; side by side they would only wait for one another.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.SUFFIXES:

TARGET := $(or $(CARGO_TARGET_DIR),target)
DEBUG_BIN := $(TARGET)/debug/signalbox
RELEASE_BIN := $(TARGET)/release/signalbox

# Where `make run` keeps its data and listens: never where an installation would.
export DATA_DIR ?= .demo
export LISTEN ?= 127.0.0.1:8480

# On a terminal cargo shows how far it is; elsewhere it only speaks up when something is wrong.
CARGO_QUIET := $(shell test -t 2 || echo --quiet)
NPM_CI := npm ci --no-audit --no-fund --loglevel=error
CONSOLE_SOURCES := $(shell find console -path console/node_modules -prune -o -path console/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

# ---- run and build

.PHONY: run
run: need-build console/dist/.stamp ## Build, serve on an embedded store, perform an example, keep serving
	@cargo build $(CARGO_QUIET) --package signalbox
	@SIGNALBOX_BIN=$(DEBUG_BIN) scripts/demo

.PHONY: build
build: need-build console/dist/.stamp ## The release binary with the console inside: target/release/signalbox
	@SIGNALBOX_UI=required cargo build $(CARGO_QUIET) --release --package signalbox
	@ls -lh $(RELEASE_BIN) | awk '{ print $$9 ": " $$5 }'

.PHONY: console
console: need-console console/dist/.stamp ## The console alone: console/dist

console/node_modules/.stamp: console/package.json console/package-lock.json
	@echo 'console: installing its packages'
	@cd console && $(NPM_CI)
	@touch $@

console/dist/.stamp: console/node_modules/.stamp $(CONSOLE_SOURCES)
	@echo 'console: building'
	@cd console && npm run --silent build -- --logLevel warn
	@touch $@

e2e/node_modules/.stamp: e2e/package.json e2e/package-lock.json
	@cd e2e && $(NPM_CI)
	@touch $@

# ---- test

.PHONY: test
test: need-test lint test-rust test-console test-e2e ## Everything: lint, Rust, console, browser journeys
	@echo 'All is well.'

.PHONY: test-rust
test-rust: need-rust-tests ## Rust tests, on SQLite and a throwaway PostgreSQL
	@scripts/with-postgres scripts/test-rust

.PHONY: test-console
test-console: need-console console/node_modules/.stamp ## Console tests
	@cd console && npm run --silent test

.PHONY: test-e2e
test-e2e: need-e2e console/dist/.stamp e2e/node_modules/.stamp ## Browser journeys in headless Chromium against the real binary
	@cargo build $(CARGO_QUIET) --package signalbox
	@cd e2e && SIGNALBOX_BIN="$(abspath $(DEBUG_BIN))" npm run --silent test

.PHONY: chaos
chaos: need-rust-tests ## Kill server and shims some hundred times under load, then hold everything against the steps' own ledgers; ROUNDS=200
	@SIGNALBOX_CHAOS_ROUNDS=$(or $(ROUNDS),200) cargo test $(CARGO_QUIET) --package signalbox --test it chaos -- --nocapture

# ---- lint

.PHONY: lint
lint: need-lint lint-rust lint-console lint-deps ## Formats, clippy, types, oxlint, generated files, what may be linked

.PHONY: lint-rust
lint-rust:
	@scripts/quietly 'rustfmt' cargo fmt --all --check
	@if [ -t 2 ]; then cargo clippy --workspace --all-targets -- -D warnings; \
	else scripts/quietly 'clippy' cargo clippy --quiet --workspace --all-targets -- -D warnings; fi

.PHONY: lint-console
lint-console: console/node_modules/.stamp e2e/node_modules/.stamp
	@scripts/quietly 'console: types' npm --prefix console run --silent check
	@scripts/quietly 'console: oxlint' npm --prefix console run --silent lint
	@scripts/quietly 'console: format' npm --prefix console run --silent format:check
	@scripts/quietly 'console: client as the API says' scripts/check-client
	@scripts/quietly 'e2e: format' npm --prefix e2e run --silent format:check

.PHONY: lint-deps
lint-deps:
	@deny="$$(scripts/tool cargo-deny)"; \
	scripts/quietly 'cargo-deny: licenses sources' "$$deny" --log-level error --all-features check licenses sources; \
	scripts/quietly 'cargo-deny: bans' "$$deny" --log-level error --all-features --exclude-dev check bans

.PHONY: fmt
fmt: need-lint console/node_modules/.stamp e2e/node_modules/.stamp ## Put everything into the one format
	@cargo fmt --all
	@npm --prefix console run --silent format
	@npm --prefix e2e run --silent format

.PHONY: openapi
openapi: need-build console/node_modules/.stamp ## Write docs/openapi.json as the handlers say, and the console's types from it
	@UPDATE_DOCS=1 cargo test --quiet --package server --test it openapi >/dev/null
	@npm --prefix console run --silent api
	@git --no-pager diff --stat -- docs/openapi.json console/src/api.d.ts

.PHONY: audit
audit: need-lint ## Ask the advisory databases about crates and npm packages (needs the network)
	@failed=0; deny="$$(scripts/tool cargo-deny)"; \
	"$$deny" --all-features check advisories || failed=1; \
	for folder in console e2e; do (cd "$$folder" && npm audit) || failed=1; done; \
	exit $$failed

# ---- measure and clean

.PHONY: bench
bench: need-build $(if $(SIGNALBOX_BIN),,build) ## Measure the release binary beside bare baselines; BENCH_ARGS=--quick for a short form
	@node bench/bench.mjs $(BENCH_ARGS)

.PHONY: clean
clean: ## Remove everything that was built, and the data of `make run`
	cargo clean --quiet
	rm -rf console/node_modules console/dist e2e/node_modules e2e/results bench/results .demo

# ---- what a machine must have; each lack is one sentence

.PHONY: need-build need-console need-lint need-rust-tests need-e2e need-test
need-build:
	@scripts/require cargo cc node npm
need-console:
	@scripts/require node npm
need-lint:
	@scripts/require cargo cc node npm python3
need-rust-tests:
	@scripts/require cargo cc git perl python3 node
need-e2e:
	@scripts/require cargo cc node npm chromium git perl python3
need-test:
	@scripts/require cargo cc node npm chromium git perl python3
