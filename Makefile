# Kassa. `make demo` and `make test` work from a bare clone.
PYTHON ?= python3
VENV := .venv
# Other people's analyses; what they need does not go with what Kassa needs.
PEERS := .venv-peers
BIN := $(VENV)/bin
ARGS ?=
# Parts this machine cannot have (browser, postgresql): their tests are left out, and said to be.
WITHOUT ?= $(KASSA_TEST_WITHOUT)
PYTEST := $(BIN)/python -m pytest --without="$(WITHOUT)"
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Where `make matrix` keeps its pictures.
LOOKS ?= .looks

.PHONY: demo test coverage test-slow speed matrix looks accept-looks year schedules test-stripe test-programs peers mutants lint bench serve schemas sentences lock clean help calibrate

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kassa needs Python 3.11 or newer; name one with PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Kassa into $(VENV) from the hashed lock ..." >&2
	@$(PIP) install --require-hashes -r requirements/runtime.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	@echo "installing the development tools into $(VENV) from the hashed lock ..." >&2
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

demo: $(VENV)/.runtime  ## Kassa with simulated visitors, then the lift report
	@$(BIN)/kassa demo $(ARGS)

serve: $(VENV)/.runtime  ## the production server
	@$(BIN)/kassa serve $(ARGS)

test: lint test-programs  ## every test but the slow ones
	@$(PYTEST) --numprocesses=2 --dist=worksteal --durations=10 $(ARGS)

coverage: test-programs  ## the tests of `make test` and what they run through; takes half as long again
	@$(PYTEST) --numprocesses=2 --dist=worksteal --cov $(ARGS)

test-slow: test-programs  ## soak, calibration and fault schedules
	@$(PYTEST) -m "slow and not alone and not matrix and not speed" --timeout=1800 --numprocesses=2 --dist=worksteal $(ARGS) || [ $$? -eq 5 ]
	@$(PYTEST) -m "slow and alone" --timeout=1800 $(ARGS) || [ $$? -eq 5 ]  # 5: ARGS name none

speed: test-programs  ## what every page costs a phone, by Lighthouse, and the arms side by side; nothing beside it
	@$(PYTEST) -m speed --timeout=1800 -s $(ARGS) tests/browser/test_speed.py

matrix: test-programs  ## every flow, language, screen and ending of the checkout, with contact sheets
	@rm -rf $(LOOKS)/*-phone $(LOOKS)/*-desktop
	@$(PYTEST) -m matrix --numprocesses=2 --dist=worksteal --screenshots $(LOOKS) $(ARGS) tests/browser/test_matrix.py; \
		status=$$?; $(BIN)/python -m tests.browser.sheet $(LOOKS) && exit $$status

looks: test-programs  ## the contact sheets of the last matrix, and what in them is not as accepted
	@$(BIN)/python -m tests.browser.sheet $(LOOKS)

accept-looks: test-programs  ## the pictures of the last matrix are what later ones are compared with
	@$(BIN)/python -m tests.browser.sheet $(LOOKS) --accept-looks

test-stripe: $(VENV)/.dev  ## the contract suite against a Stripe sandbox (STRIPE_SECRET_KEY=sk_test_...)
	@$(BIN)/python -m tests.contract.sandbox $(ARGS)

test-programs: $(VENV)/.dev
	@$(BIN)/python -m tests.provision.install $(WITHOUT)

year: test-programs  ## 5,000 customers for a year, on both databases: two books agree to the cent
	@KASSA_YEAR_CUSTOMERS=5000 $(PYTEST) -m slow --numprocesses=2 tests/service/payments/test_year.py

schedules: test-programs  ## 500 random schedules of faults for each way to pay, on both databases
	@KASSA_SCHEDULES=500 $(PYTEST) -m slow --numprocesses=2 tests/service/payments/test_fault_schedules.py $(ARGS)

bench: $(VENV)/.dev  ## side by side: reports, assignments, bulk, definitions and checkout pages against their peers
	@$(BIN)/python -m bench $(ARGS)

peers: $(PEERS)/.made  ## gbstats, tea-tasting and spotify-confidence, for the tests and benchmarks beside them

$(PEERS)/.made: requirements/peers.lock
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "installing other people's analyses into $(PEERS) from the hashed lock ..." >&2
	@$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/peers.lock
	@touch $@

mutants: $(VENV)/.dev  ## breaks the formulas of analysis one by one: a test must fail for each
	@$(BIN)/python -m tests.mutants $(ARGS)

calibrate: $(VENV)/.dev  ## what each method promises, counted by simulation beside what is published
	@$(BIN)/python -m bench.calibration $(ARGS)

lint: $(VENV)/.dev  ## formatting, style, types of both languages, floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.provision.typescript

schemas: $(VENV)/.runtime  ## remakes the JSON Schemas that editors read
	@mkdir -p experiments/schemas
	@for kind in $$($(BIN)/python -c 'import experiments; print(*experiments.KINDS)'); do \
		$(BIN)/kassa schema $$kind > experiments/schemas/$$kind.schema.json || exit 1; \
	done

sentences: $(VENV)/.dev  ## brings new sentences into every language's catalogue, to be translated there
	@$(BIN)/pybabel --quiet extract -F pyproject.toml -k sentence -k say -k say_many:1,2 --no-location --sort-output --omit-header -o .sentences.pot service templates
	@for file in service/locales/*.po; do \
		language=$$(basename $$file .po); \
		$(BIN)/pybabel --quiet update -i .sentences.pot -o $$file -l $$language --no-fuzzy-matching --ignore-obsolete --omit-header --no-wrap || exit 1; \
	done
	@rm .sentences.pot

lock:  ## remakes the locks (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header --extra build -o requirements/runtime.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header --extra dev -c requirements/runtime.lock -o requirements/dev.lock
	uv pip compile requirements/peers.in --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements/peers.lock

clean:  ## removes what make made
	rm -rf $(VENV) $(PEERS) .looks *.egg-info .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
