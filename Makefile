# make demo   try it                 make test   every check and test        make generate   write generated files anew        make browser   every page in a browser        make soak   test for longer        make words   bring translations up to date
.DEFAULT_GOAL := help
.PHONY: help install demo demo-reset test static unit browser screenshots soak audit go node chromium smoke-15 bench bench-import bench-ledger bench-verify generate words format

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .uv/bin/uv
RUN := .venv/bin/
export UV_PYTHON_DOWNLOADS := never
# Where a machine says that Python shall not keep what it compiled, each of many hundred starts compiles it all.
unexport PYTHONDONTWRITEBYTECODE

help:
	@head -1 Makefile

install: .venv/installed

# uv comes from PyPI into a place of its own, so that the environment holds exactly what uv.lock says.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Byleave needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	@echo "Fetching uv ..."
	@$(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/installed: $(UV) pyproject.toml uv.lock
	@echo "Installing what uv.lock says ..."
	@$(UV) sync --quiet --locked --python $(PYTHON)
	@touch $@

demo: install
	@$(RUN)byleave demo $(if $(ONCE),--once)

demo-reset: install
	@$(RUN)byleave demo --reset

test: static unit audit

static: install
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports

# Several processes, each with a database server of its own; whoever is done first takes over from the others.
unit: install chromium
	$(RUN)pytest -n auto --dist worksteal

# Every page in every state, light and width, in a browser, and what is measured there: some minutes.
browser: install chromium
	$(RUN)pytest -m "browser or not soak" -rP tests/browser

# What every page looks like, light and dark, wide and narrow, in build/screenshots or in OUT.
screenshots: install chromium
	OUT="$(OUT)" $(RUN)pytest -q tests/browser/screenshots.py

# The same questions for much longer, up to half an hour for each test; and each property with many more examples.
soak: install
	$(RUN)pytest -m soak --timeout=0 -rP
	$(RUN)pytest -m "hypothesis and not soak and not browser" --hypothesis-profile=thorough --timeout=0

# Known holes in what we depend on; skipped with a word where the advisories cannot be reached.
audit: install
	@$(UV) export --quiet --locked --no-emit-project --no-dev > .venv/requirements.txt
	@$(RUN)python -m tests.audit .venv/requirements.txt

# Go's own reader of transparency logs, which tests/crypto/test_go.py asks about ours; that test is skipped without it.
go:
	@(command -v go && test -d /usr/share/gocode/src/golang.org/x/mod) >/dev/null || (apt-get update -qq && apt-get install -qq -y --no-install-recommends golang-go golang-golang-x-mod-dev >/dev/null)

# Node.js, on which tests/oidc runs somebody else's OpenID Connect provider; those tests are skipped without it.
node:
	@(command -v node && command -v npm) >/dev/null || (apt-get update -qq && apt-get install -qq -y --no-install-recommends nodejs npm >/dev/null)

# The browser that tests/browser looks at the portal with; those tests are skipped without one, and fail where CI is set.
# Its headless build opens a page in a third of the time that the whole browser takes.
chromium:
	@test -x "$${PLAYWRIGHT_CHROMIUM:-/usr/bin/chromium-headless-shell}" || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium-headless-shell >/dev/null; \
		else echo "No browser: install chromium-headless-shell, or let PLAYWRIGHT_CHROMIUM name one. Until then tests/browser is skipped."; fi

# A short way through the whole service on Debian's PostgreSQL 15, as a server of its own with a URL.
smoke-15: install
	@test -x /usr/lib/postgresql/15/bin/postgres || (apt-get update -qq && apt-get install -qq -y postgresql-15 >/dev/null)
	$(RUN)python -m tests.on_server /usr/lib/postgresql/15/bin $(RUN)pytest -n 2 -m smoke

# Every goal of the hot path. Half an hour, on a machine that has nothing else to do; QUICK=1 for a short look.
bench: install
	@$(RUN)python -m benchmarks $(if $(QUICK),--quick)

# Some minutes: 10,000 and 100,000 customers, in CSV and in JSON Lines. ROWS="1000 2000" for a short look.
bench-import: install
	@$(RUN)python -m benchmarks.importing $(ROWS)

# The sequencer: entries a second from a backlog, and how long they wait under load.
bench-ledger: install
	@$(RUN)python -m benchmarks.sealing

# The offline verifier, on an export of so many entries: ENTRIES=2000000 for a long look.
bench-verify: install
	@$(RUN)python -m benchmarks.verifying $(ENTRIES)

generate: install
	$(RUN)python -m tests.generate

# Takes the portal's texts from its pages into service/portal/locale; LANGUAGE=fr begins another language.
words: install
	$(RUN)python -m tests.words $(LANGUAGE)

format: install
	$(RUN)ruff check --fix .
	$(RUN)ruff format .
