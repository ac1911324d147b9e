# Every target makes what it needs: `.venv` from pyproject.toml, and the system's programs where this user may install.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
CLUSTER := rules/clusters/twenty.yaml

.DEFAULT_GOAL := demo
.PHONY: demo test check coverage bench soak soak-node sabotage golden clean kernel-tools browser-tools
.DELETE_ON_ERROR:

demo: $(STAMP)
	@$(BIN)/netpolicy compile $(CLUSTER) -o build/twenty
	@$(BIN)/netpolicy matrix $(CLUSTER) --by role --quiet
	@$(BIN)/netpolicy audit $(CLUSTER) --format html --output build/twenty.html --quiet
	@echo "The rules of every node are in build/twenty/nodes/, the security groups in build/twenty/cloud/, what was compiled from what in manifest.json; build/twenty.html is the audit."

check: .venv/.node
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# What measures comes alone and last: two at once would fight for the machine's two cores.
test: check kernel-tools browser-tools
	@$(BIN)/pytest -m "not alone" -n 2 --dist loadgroup
	@$(BIN)/pytest -m alone

# The same tests, three times as slow, and which lines of ours they run; fewer than 85 of 100 are a failure.
coverage: .venv/.node kernel-tools browser-tools
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -m "not alone" -n 2 --dist loadgroup --cov --cov-report= --cov-fail-under=0
	@$(BIN)/pytest -m alone --cov --cov-append --cov-report=term

bench: .venv/.bench .venv/.node
	@$(BIN)/python -m tests.bench

# What CI has no time for: ten minutes of random cases put to the kernel.
soak: .venv/.node kernel-tools
	@$(BIN)/python -m tests.soak --minutes 10

# Many more applies and round trips of rules on a node.
soak-node: .venv/.node kernel-tools
	@CI=true APPLIES=100 ROUND_TRIPS=1000 $(BIN)/pytest -n 2 tests/kernel/test_apply_packets.py tests/kernel/test_drift_round_trips.py -k "applies or round"

# Breaks the code in many places, one at a time; each must be noticed by a test, or be explained as no change at all.
sabotage: $(STAMP)
	@$(BIN)/python -m tests.sabotage --count 300

golden: $(STAMP)
	@GOLDEN=write $(BIN)/pytest tests/golden

clean:
	@rm -rf .venv build dist *.egg-info .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

kernel-tools:
	@scripts/system-packages.sh kernel

browser-tools:
	@scripts/system-packages.sh browser

# What only the bench needs: a library that draws.
.venv/.bench: $(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[bench]'
	@touch $@

# What only a node and its tests need: python-iptables is built from source.
.venv/.node: $(STAMP)
	@PYTHON=$(PYTHON) scripts/system-packages.sh compiler
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[node]'
	@touch $@

$(STAMP): pyproject.toml setup.py
	@PYTHON=$(PYTHON) scripts/system-packages.sh python
	@echo "making .venv" >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev,report]'
	@touch $@
