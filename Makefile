# The menu: `make` alone prints it. CI calls the same targets. Everything works as root or not, and without a
# network once the packages of cargo and npm are there.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
export PATH := $(PATH):$(HOME)/.cargo/bin

# Built once, used by every test of the program as a whole. All programs are built together, since cargo builds
# what they share anew when it is asked for another selection of crates.
RELEASE := $(abspath $(or $(CARGO_TARGET_DIR),target))/release
CLIENTS := $(wildcard e2e/clients/*/package-lock.json)
SIM := $(wildcard crates/testkit/src/bin/sim.rs)
ROWS := $(wildcard crates/rules/tests/delete_rows.py)
export BATON_BIN := $(RELEASE)/baton

# How hard to look.
SEEDS ?= 300
KILLS ?= 50

# $(call need,program,Debian package): installs it where that is allowed, else says what is missing.
define need
	@command -v $(1) >/dev/null \
	|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y $(2); } \
	|| { echo "$(1) is missing: install it (on Debian: apt-get install $(2)), or run this as root" >&2; exit 1; }
endef

.PHONY: help
help: ## this menu
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build, and start `baton dev` with the demo
	@echo
	@echo "baton dev starts: a page, two bots and a human desk. It says what happens, and what to try next."
	@echo "For a second terminal: export PATH=\"$(RELEASE):\$$PATH\", then baton send, baton thread explain, baton clock."
	@echo "Ctrl-C stops it."
	@echo
	@exec $(BATON_BIN) dev

.PHONY: build
build: rust ## build the release program
	cargo build --release --locked --bins

.PHONY: test
test: lint unit rows sim e2e power-loss ## all tests that fit a quarter of an hour on two cores

.PHONY: soak
soak: ## the same tests for an hour or so
	$(MAKE) --no-print-directory test SEEDS=20000 KILLS=300 ROWS_ARE=--all PROPTEST_CASES=20000

.PHONY: lint
lint: rust ## formatting, clippy, and cargo-deny if it is there
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check bans licenses sources; else echo "cargo-deny is not installed: deny.toml is not checked"; fi

.PHONY: unit
unit: rust ## the tests of the crates
	cargo test --workspace --locked

.PHONY: rows
rows: rust python ## damage rows of the rules: a test must notice each
	$(if $(ROWS),python3 $(ROWS) $(ROWS_ARE),@echo "no rows to damage")

.PHONY: sim
sim: build ## simulated nodes with faults: SEEDS=1000 of them, or SEED=42 once more
	$(if $(SIM),$(RELEASE)/sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)),@echo "no simulation")

.PHONY: e2e
e2e: build $(CLIENTS:package-lock.json=node_modules/.package-lock.json) ## real clients against the real program
	for client in $(dir $(CLIENTS)); do npm --prefix "$$client" test; done

e2e/clients/%/node_modules/.package-lock.json: e2e/clients/%/package-lock.json
	$(call need,node,nodejs)
	$(call need,npm,npm)
	cd $(dir $<) && npm ci --no-audit --no-fund

.PHONY: power-loss
power-loss: build python ## kill it KILLS=50 times and lose what it had not synced; then prove that this can fail
	python3 e2e/power_loss/test_disk.py
	python3 e2e/power_loss/run.py --kills $(KILLS)
	python3 e2e/power_loss/run.py --kills 5 --synchronous off --expect-loss

.PHONY: size
size: build python ## the program's size, and its cold start with an empty database
	@python3 e2e/cold_start.py

.PHONY: rust
rust:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust $$(sed -n 's/^rust-version = //p' Cargo.toml) or newer" >&2; exit 1; }
	$(call need,cc,gcc libc6-dev)

.PHONY: python
python:
	$(call need,python3,python3)
