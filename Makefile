# Switchyard. `make` alone prints what there is. Needs only make and Python 3.11 or later; everything else goes into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up demo doctor test sure bench fuzz chaos rabbitmq lock clean

BIN := .venv/bin
# Another Python: make up PYTHON=/path/to/python3.12
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$python && break; done)
LOCKED := requirements/models.txt infra/dev/install.py
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --quiet --system-certs \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_ARGS)

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv/.local-installed ## Everything on this machine: PostgreSQL, Redis, API, workers, Flower; Ctrl-C ends it (PORT, FLOWER_PORT, SWITCHYARD_DATA)
	@exec $(BIN)/python -m infra.dev up --with-make

demo: .venv/.local-installed ## The same, ends by itself after one streamed completion
	@exec $(BIN)/python -m infra.dev demo --with-make

doctor: .venv/.local-installed ## What is wrong with the running system, and what to do (ARGS=--json)
	@folder=$$(realpath -m "$${SWITCHYARD_DATA:-.local}"); set -a; [ ! -f "$$folder/dev.env" ] || . "$$folder/dev.env"; \
	exec $(BIN)/python -m api doctor $(ARGS)

# By two processes, each with a system of its own: much of a test is waiting. The house rules are for `make sure`.
BY_TWO := -n 2 --no-loadscope-reorder --ignore tests/house

test: .venv/.dev-installed ## All tests of behaviour; some: make test ARGS="tests/infra -k ports"
	@exec $(BIN)/python -m pytest $(or $(ARGS),$(BY_TWO))

sure: .venv/.dev-installed ## Format, lint, types, floors, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

bench: .venv/.dev-installed ## Benchmarks; some: make bench ARGS=submit
	@exec $(BIN)/python -W ignore -m tests.bench $(ARGS)

fuzz: .venv/.dev-installed ## A long random search for answers that openapi.json does not promise
	@exec $(BIN)/python -m pytest tests/fuzz -m fuzz --timeout 3600 $(ARGS)

chaos: .venv/.dev-installed ## Attacks every promise of docs/reliability.md for about 15 minutes; the same again: CHAOS_SEED=…
	@CHAOS=long exec $(BIN)/python -m pytest tests/chaos --timeout 900 $(ARGS)

rabbitmq: ## Install RabbitMQ with apt-get, for BROKER=rabbitmq and the tests that use it
	@if command -v rabbitmq-server || ls /usr/lib/rabbitmq/bin/rabbitmq-server 2>/dev/null; then exit; fi; \
	command -v apt-get >/dev/null || { echo "switchyard: no apt-get here; install RabbitMQ 3.10 or later: https://www.rabbitmq.com/docs/download" >&2; exit 1; }; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	$$as_root apt-get update -q && $$as_root apt-get install -y --no-install-recommends rabbitmq-server && \
	{ $$as_root systemctl disable --now rabbitmq-server || $$as_root service rabbitmq-server stop || true; }

lock: .venv/.dev-installed ## Resolve requirements/*.txt again from pyproject.toml (newest versions: LOCK_ARGS=--upgrade)
	$(COMPILE) --group dev -o requirements/dev.txt
	$(COMPILE) --group local -c requirements/dev.txt -o requirements/local.txt
	$(COMPILE) -c requirements/dev.txt -o requirements/base.txt

clean: ## Remove .venv, caches and all data of `make up`
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.%-installed: requirements/%.txt $(LOCKED)
	@test -n "$(PYTHON)" || { echo "switchyard: no Python 3.11 or later found; install one, or: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "switchyard: $(PYTHON) is no Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) infra/dev/install.py $*
