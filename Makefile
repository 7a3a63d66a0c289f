# The menu: `make` alone prints it. CI calls the same targets. Everything works as root or not, and without a
# network once the packages of cargo and npm are there.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
export PATH := $(PATH):$(HOME)/.cargo/bin

# Which build the tests of the whole program use: `debug`, which the tests of the crates have built already, or
# `release`. How hard they look follows from it.
PROFILE ?= debug
SEEDS ?= $(if $(filter release,$(PROFILE)),500,50)
KILLS ?= 50

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
PROGRAMS := $(TARGET)/$(PROFILE)
CLIENTS := $(wildcard e2e/clients/*/package-lock.json)
PYTHON_CLIENTS := $(wildcard e2e/clients/*/requirements.txt)
export BATON_BIN := $(PROGRAMS)/baton

# $(call need,program,Debian package): installs it where that is allowed, else says what is missing.
define need
	@command -v $(1) >/dev/null \
	|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y $(2); } \
	|| { echo "$(1) is missing: install it (on Debian: apt-get install $(2)), or run this as root" >&2; exit 1; }
endef

# Debian keeps PostgreSQL's programs out of PATH, and would start a server of its own: the tests start theirs.
define need_postgresql
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
	|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && mkdir -p /etc/postgresql-common/createcluster.d \
	&& echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/no-server.conf \
	&& apt-get update -qq && apt-get install -qq -y postgresql; } \
	|| { echo "PostgreSQL 15 or newer is missing: install it (on Debian: apt-get install postgresql), or run this as root" >&2; exit 1; }
endef

.PHONY: help
help: ## this menu
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: with-console release ## build, and start `baton dev` with the demo
	@echo
	@echo "baton dev starts: a page, two bots and a human desk. It says what happens, and what to try next."
	@echo "For a second terminal: export PATH=\"$(TARGET)/release:\$$PATH\", then baton send, baton thread explain, baton clock."
	@echo "Ctrl-C stops it."
	@echo
	@exec env -u BATON_BIN $(TARGET)/release/baton dev

.PHONY: test
test: ROWS ?= --few 60
test: console lint unit rules rows sim console-test e2e e2e-postgres e2e-console openapi power-loss hostile nodes ## all tests that fit a quarter of an hour on two cores

.PHONY: soak
soak: half-load ## half load for MINUTES=10, then the same tests, on the release program, for hours
	FUZZ_SECONDS=600 $(MAKE) --no-print-directory test PROFILE=release SEEDS=50000 KILLS=300 ROWS=--all PROPTEST_CASES=20000 LINEARIZABLE_SEEDS=1000 ALIKE_SEEDS=200 OPENAPI='--long --examples 300' NODES='--long --rounds 20'

# What is measured, and how, is in docs/performance.md. The relay is built apart, so that it stays the same when Baton's
# dependencies move.
RELAY := $(TARGET)/relay/release/bare-relay
BENCH_RUN = BATON_BIN=$(TARGET)/release/baton RELAY_BIN=$(RELAY) python3 bench/run.py
MINUTES ?= 10

.PHONY: bench
bench: release relay python bench-core ## Baton against a relay without memory, in turns: minutes, or BENCH=long; ARGS='--only threads'
	$(call need_postgresql)
	$(BENCH_RUN) --out $(TARGET)/bench $(ARGS)

.PHONY: half-load
half-load: release relay python ## half of what it can do for MINUTES=10: memory, lag and latency, as a picture
	$(BENCH_RUN) --only soak --minutes $(MINUTES) --out $(TARGET)/soak

.PHONY: relay
relay: rust
	cargo build --release --locked --manifest-path bench/relay/Cargo.toml --target-dir $(TARGET)/relay

# The console is embedded into the program if it is there when the program is compiled, so it comes first. Without Node.js the program is
# built all the same, and says at /console/ that it has none.
CONSOLE := console/dist/index.html
CONSOLE_SOURCES := $(shell find console -path console/node_modules -prune -o -path console/dist -prune -o -type f ! -name schema.d.ts -print)

.PHONY: console
console: $(CONSOLE) ## build the web console, to be embedded by the next build of the program

$(CONSOLE): $(CONSOLE_SOURCES) docs/reference/openapi.json console/node_modules/.package-lock.json
	cd console && npm run --silent build
	@touch $@
# Where the program was built before there was a console, cargo would not see that there is one now.
	@touch crates/server/build.rs

# Not `npm ci`: it refuses a lock file that lacks the packages of platforms which nobody here has.
console/node_modules/.package-lock.json: console/package-lock.json
	$(call need,node,nodejs)
	$(call need,npm,npm)
	cd console && npm install --no-save --no-audit --no-fund

.PHONY: with-console
with-console:
	@if ! command -v npm >/dev/null; then echo "npm is not there: the program is built without the web console" >&2; \
	else $(MAKE) --no-print-directory console || echo "the program is built without the web console, which could not be built" >&2; fi

.PHONY: console-test
console-test: $(CONSOLE) ## lint and tests of the web console
	cd console && npm run --silent lint && npm run --silent test

.PHONY: e2e-console
e2e-console: $(CONSOLE) $(PROFILE) python e2e/console/node_modules/.package-lock.json ## stories in a browser against the real program
	$(call need,chromium,chromium)
	$(call need_postgresql)
	npm --prefix e2e/console test

.PHONY: lint
lint: rust ## formatting and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Not part of `make test`: to build the checker takes longer than the tests of a crate. CI and a release run it.
.PHONY: licences
licences: rust ## what may come in as a dependency, and under which licence
	@command -v cargo-deny >/dev/null || cargo install --locked --debug --quiet cargo-deny
	cargo deny --locked check --hide-inclusion-graph bans licenses sources

.PHONY: unit
unit: rust ## the tests of the crates
	$(call need,zsh,zsh)
	$(call need,fish,fish)
	$(call need,node,nodejs)
	$(call need,python3,python3)
	$(call need_postgresql)
	cargo test --workspace --locked

.PHONY: rules
rules: rust ## the rules of the specification: specified, built, tested; RULES=all says where
	cargo test --workspace --locked --quiet --test rulebook -- --nocapture --exact every_rule_is_built_and_tested_by_name

.PHONY: bench-core
bench-core: rust ## decisions of the rules in a second, in each mode, on one core
	cargo bench --locked -p baton-rules --bench decisions

.PHONY: rows
rows: rust python ## damage each row of the rules once, ROWS=--all in every way: a test must notice each
	python3 crates/rules/tests/delete_rows.py $(ROWS)

.PHONY: sim
sim: $(PROFILE) ## simulated nodes with faults: SEEDS=1000 of them, or SEED=42 once more
	$(PROGRAMS)/sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

.PHONY: linearizable
linearizable: rust ## apps, people and operators at once: SEEDS=100 stories, or SEED=42 once more
	LINEARIZABLE_SEEDS=$(SEEDS) $(if $(SEED),LINEARIZABLE_SEED=$(SEED)) \
	cargo test --locked -p baton-server --test linearizable -- --nocapture

.PHONY: e2e
e2e: $(PROFILE) $(CLIENTS:package-lock.json=node_modules/.package-lock.json) $(PYTHON_CLIENTS:requirements.txt=.venv/installed)
e2e: ## real clients against the real program
	for client in $(dir $(CLIENTS)); do npm --prefix "$$client" test; done
	for client in $(dir $(PYTHON_CLIENTS)); do \
		PYTHONPATH=e2e/clients/support PYTHONDONTWRITEBYTECODE=1 \
		"$$client/.venv/bin/python" -m unittest discover -v -s "$$client" -p 'test_*.py'; \
	done

# Two are enough: what a library sends and reads does not depend on the store.

.PHONY: e2e-postgres
e2e-postgres: $(PROFILE) e2e/clients/fb-messenger-bot-api/node_modules/.package-lock.json e2e/clients/pymessenger/.venv/installed
e2e-postgres: ## the stories of two clients, against `baton serve` on PostgreSQL
	$(call need_postgresql)
	python3 e2e/on_postgres.py npm --prefix e2e/clients/fb-messenger-bot-api test
	PYTHONPATH=e2e/clients/support PYTHONDONTWRITEBYTECODE=1 python3 e2e/on_postgres.py \
		e2e/clients/pymessenger/.venv/bin/python -m unittest discover -v -s e2e/clients/pymessenger -p 'test_*.py'

e2e/%/node_modules/.package-lock.json: e2e/%/package-lock.json
	$(call need,node,nodejs)
	$(call need,npm,npm)
	cd $(dir $<) && npm ci

.PHONY: openapi
openapi: $(PROFILE) e2e/openapi/.venv/made ## hold the program and a client made from it against its own description, OPENAPI='--long --examples 300' for longer
	e2e/openapi/.venv/bin/python e2e/openapi/run.py $(OPENAPI)
	PYTHONDONTWRITEBYTECODE=1 e2e/openapi/.venv/bin/python -m unittest discover -v -s e2e/openapi -p 'test_*.py'

# An environment of its own; `ensurepip` is what Debian packs apart.
e2e/openapi/.venv/made: e2e/openapi/requirements.txt | python
	@python3 -c 'import ensurepip' 2>/dev/null \
	|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y python3-venv; } \
	|| { echo "Python's venv is missing: install it (on Debian: apt-get install python3-venv), or run this as root" >&2; exit 1; }
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# The versions are written down whole, so nothing else is fetched. A virtual environment that is half made is made anew.
e2e/clients/%/.venv/installed: e2e/clients/%/requirements.txt
	$(call need,python3,python3)
	rm -rf $(dir $@)
	python3 -m venv $(dir $@) \
	|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y python3-venv && python3 -m venv $(dir $@); } \
	|| { echo "venv is missing: install it (on Debian: apt-get install python3-venv), or run this as root" >&2; exit 1; }
	$(dir $@)bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

.PHONY: power-loss
power-loss: $(PROFILE) python ## kill it KILLS=50 times and lose what it had not synced; then prove that this can fail
	python3 e2e/power_loss/test_disk.py
	python3 e2e/power_loss/test_verdicts.py
	python3 e2e/power_loss/run.py --kills $(KILLS)
	python3 e2e/power_loss/run.py --kills 5 --lying-disk --expect-loss
	python3 e2e/power_loss/full_disk.py
	python3 e2e/power_loss/failing_disk.py
	python3 e2e/power_loss/failing_disk.py --lying-disk --expect-loss

.PHONY: hostile
hostile: $(PROFILE) python ## a thousand slow connections, and bodies made to hurt, with its memory watched
	python3 e2e/hostile/run.py

.PHONY: nodes
nodes: $(PROFILE) python ## three nodes over PostgreSQL: killed, paused, failed over, upgraded; then prove that this can fail; NODES='--long --rounds 5'
	$(call need_postgresql)
	$(if $(findstring --long,$(NODES)),$(call need,ip,iproute2))
	python3 e2e/nodes/test_verdicts.py
	python3 e2e/nodes/run.py $(NODES)
# The tests of the crates have built the debug one.
	$(if $(filter release,$(PROFILE)),cargo build --release --locked --workspace --example next_version)
	python3 e2e/nodes/run.py --upgrade
	python3 e2e/nodes/run.py --broken replica & other=$$!; python3 e2e/nodes/run.py --broken leases; wait $$other
	python3 e2e/nodes/run.py --broken step

.PHONY: size
size: release python ## the release program's size, its cold start with an empty database, its memory at rest
	@BATON_BIN=$(TARGET)/release/baton python3 e2e/cold_start.py

.PHONY: docs
docs: rust ## the documentation as a site, in target/book
	@command -v mdbook >/dev/null || cargo install --locked mdbook
	mdbook build docs

.PHONY: packages
## what is released: the static program, a Debian package, manual pages, completions, what is in it
	packaging/release.sh

.PHONY: try-packages
try-packages: ## install, upgrade and purge the package in a fresh Debian (as root, with debootstrap)
	packaging/try.sh

# The programs. The debug ones are built as `make unit` builds them: with another selection of crates cargo would
# build what they share once more.
.PHONY: debug release
debug: rust
	cargo test --workspace --locked --no-run --quiet
release: rust
	cargo build --release --locked --bins

.PHONY: rust python
rust:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust $$(sed -n 's/^rust-version = //p' Cargo.toml) or newer" >&2; exit 1; }
	$(call need,cc,gcc libc6-dev)
python:
	$(call need,python3,python3)
