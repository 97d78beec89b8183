# `make help` lists the verbs. Each sets up what it needs, and only once.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --require-hashes
LOCK := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-strip-extras --no-header

.DEFAULT_GOAL := help
.PHONY: help run manage test test-slow test-on-sqlite test-on-sqlite-over-http test-on-postgresql test-on-postgresql-over-http test-once test-in-browser test-processes test-faults test-faults-quick test-faults-on-sqlite test-faults-on-postgresql lint docs format bench bench-quick lock

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: $(VENV)/.base ## set up, then serve on 127.0.0.1:8000 with a worker (PORT= overrides)
	@DJANGO_DEBUG=true API_KEY_REQUIRED=false PORT=$(PORT) $(PY) manage.py develop

CMD ?= help
manage: $(VENV)/.base ## one command beside `make run`, such as CMD="check_providers"
	@[ -e .env ] || export DJANGO_DEBUG=true; $(PY) manage.py $(CMD)

# What need not run on both: the providers' tests know no database, nor do texts and their rules, the forms of requests,
# the settings, the server and the document of the API; what is refused at the door meets none, what is sent at once goes
# from memory to the vendor, the browser's pages are drawn by the same code, and where a test starts or kills whole
# installations (tests/servers.py), each has a SQLite file of its own in either run.
ONCE := $(wildcard tests/api/test_hostile_*.py) $(wildcard tests/api/forms/test_*.py) tests/api/test_forms.py \
	tests/api/compat/test_short_form.py tests/delivery/admin/test_snippets.py tests/api/test_parsers.py \
	tests/api/test_schema.py tests/api/test_short_of_files.py $(wildcard tests/delivery/content/test_*.py) \
	$(wildcard tests/delivery/files/test_*.py) tests/delivery/test_apps.py $(wildcard tests/gomail/server/test_*.py) \
	tests/gomail/test_environment.py tests/gomail/test_settings.py tests/gomail/test_start.py tests/test_again.py tests/test_architecture.py \
	tests/test_celery.py tests/test_crash.py tests/test_deploy.py tests/test_deploy_examples.py \
	tests/test_docs_site.py tests/test_documented_commands.py tests/test_runbook.py tests/test_durations.py tests/test_events_of_ses.py \
	tests/test_events_over_http.py tests/test_first_mailing.py tests/test_first_start.py tests/test_imports.py tests/test_left_out.py tests/test_manage.py tests/test_migrated.py tests/test_no_output.py \
	tests/test_mailings.py tests/test_metrics.py tests/test_dashboards.py tests/test_public_reports.py tests/test_replaced_file.py \
	tests/test_rules.py tests/test_the_mail_that_was_meant.py tests/test_webhooks.py
# Of them, whatever starts servers and workers, and mostly waits for them.
PROCESSES := tests/api/test_hostile_connections.py tests/api/test_hostile_upload.py tests/api/test_short_of_files.py \
	$(wildcard tests/gomail/server/test_*.py) tests/gomail/test_environment.py tests/gomail/test_settings.py tests/gomail/test_start.py \
	tests/test_celery.py tests/test_crash.py tests/test_dashboards.py tests/test_deploy.py tests/test_events_of_ses.py \
	tests/test_events_over_http.py tests/test_first_mailing.py tests/test_first_start.py tests/test_imports.py tests/test_no_output.py \
	tests/test_mailings.py tests/test_replaced_file.py tests/test_webhooks.py
# The requests apart from the rest: neither is left to end alone.
ON_BOTH_OVER_HTTP := $(filter-out $(ONCE),$(wildcard tests/test_*.py) $(shell find tests/api tests/delivery/admin -name 'test_*.py'))
ON_BOTH := $(filter-out $(ONCE) $(ON_BOTH_OVER_HTTP),$(shell find tests/delivery tests/gomail -name 'test_*.py'))
DURATIONS := .durations
FAILURES := .failures
LEFT_OUT := .left-out
MIGRATED := .migrated
SIDE_BY_SIDE := test-on-postgresql test-on-postgresql-over-http test-on-sqlite test-on-sqlite-over-http test-in-browser test-once \
	test-processes

# Seven runs on two processors: each waits, now and then, for what it has started, and none is left to end alone.
define RUNS
	@rm -rf $(DURATIONS) $(FAILURES) $(LEFT_OUT) $(MIGRATED)
	@TEST_DURATIONS=$(DURATIONS) TEST_FAILURES=$(FAILURES) TEST_LEFT_OUT=$(LEFT_OUT) \
		TEST_MIGRATED=$(MIGRATED) PYTEST_ADDOPTS='-m "$(1)"' \
		$(MAKE) --no-print-directory --keep-going --jobs=$(words $(SIDE_BY_SIDE)) $(SIDE_BY_SIDE); \
		ended=$$?; $(PY) -m tests.durations $(DURATIONS); $(2) \
		[ $$ended -eq 0 ] || $(PY) -m tests.again $(FAILURES) $(words $(SIDE_BY_SIDE))
endef

test: $(VENV)/.dev ## set up, then run the fast tests, all that uses a database on SQLite and on PostgreSQL; a quarter of an hour
	$(call RUNS,not slow,$(PY) -m tests.left_out $(LEFT_OUT);)

test-slow: $(VENV)/.dev ## the tests that `make test` leaves out: crawls, whole installations, kills; ten minutes
	$(call RUNS,slow)

test-on-sqlite: $(VENV)/.dev
	$(PY) manage.py test $(ON_BOTH)

test-on-postgresql: $(VENV)/.dev
	$(PY) -m tests.on_postgres $(PY) manage.py test $(ON_BOTH)

test-on-sqlite-over-http: $(VENV)/.dev
	$(PY) manage.py test $(ON_BOTH_OVER_HTTP)

test-on-postgresql-over-http: $(VENV)/.dev
	$(PY) -m tests.on_postgres $(PY) manage.py test $(ON_BOTH_OVER_HTTP)

test-once: $(VENV)/.dev
	$(PY) manage.py test $(filter-out $(PROCESSES),$(ONCE)) tests/providers

test-in-browser: $(VENV)/.dev
	$(PY) manage.py test tests/browser

test-processes: $(VENV)/.dev
	$(PY) manage.py test $(PROCESSES) tests/faults

test-faults: $(VENV)/.dev ## a real installation, killed, starved and lied to, on both databases; an hour and a half
	$(PY) -m tests.faults
	$(PY) -m tests.on_postgres sh -c '$(PY) -m tests.faults --database-url "$$TEST_DATABASE_URL"'

test-faults-quick: $(VENV)/.dev ## the same in little, on both databases at the same time, four minutes
	@$(MAKE) --no-print-directory --jobs=2 test-faults-on-sqlite test-faults-on-postgresql

test-faults-on-sqlite: $(VENV)/.dev
	$(PY) -m tests.faults --quick

test-faults-on-postgresql: $(VENV)/.dev
	$(PY) -m tests.on_postgres sh -c '$(PY) -m tests.faults --quick --database-url "$$TEST_DATABASE_URL"'

test-clients: $(VENV)/.dev ## the HTTP clients of this machine, against a real server; says which are missing
	$(PY) -m tests.clients

lint: $(VENV)/.dev ## format, lint, types, directions of imports, migrations, configuration
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/deptry .
	DJANGO_DEBUG=true $(PY) manage.py makemigrations --check --dry-run
	DJANGO_DEBUG=true $(PY) manage.py check

docs: $(VENV)/.dev ## build the documents as a site, build/docs/index.html; a broken link or anchor ends it
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

format: $(VENV)/.dev ## put the code into its form
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(VENV)/.dev ## measure against peer b, some minutes
	$(PY) -m tests.on_postgres sh -c '$(PY) -m benchmarks --database-url "$$TEST_DATABASE_URL"'

bench-quick: $(VENV)/.dev ## see that the benchmarks run
	$(PY) -m benchmarks --quick

lock: $(VENV)/.dev ## lock the requirements anew, with hashes
	$(LOCK) requirements/base.in -o requirements/base.txt
	$(LOCK) requirements/celery.in -o requirements/celery.txt
	$(LOCK) requirements/xlsx.in -o requirements/xlsx.txt
	$(LOCK) requirements/alerts.in -o requirements/alerts.txt
	$(LOCK) requirements/tracing.in -o requirements/tracing.txt
	$(LOCK) requirements/docs.in -o requirements/docs.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "GoMail needs Python 3.11 or newer; PYTHON=/path/to/python3.11 make … names one."; exit 1; }
	@echo "Making the virtual environment .venv"
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.base: requirements/base.txt | $(VENV)/bin/python
	@echo "Installing the locked requirements (once, about a minute)"
	@$(PIP) -r requirements/base.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@echo "Installing what the tests need (once, a minute or two)"
	@$(PIP) -r requirements/dev.txt
	@touch $@
