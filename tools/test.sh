#!/usr/bin/env bash
# Runs every test, then holds the coverage gates: all of the domain, nine tenths of everything.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    exec .venv/bin/pytest "$@"
fi

rm -f .coverage .coverage.*
.venv/bin/coverage run -m pytest tests --ignore tests/browser
.venv/bin/coverage run -m pytest tests/browser
.venv/bin/coverage combine --quiet
.venv/bin/coverage report --include 'src/allmende/domain/*' --fail-under 100
.venv/bin/coverage report --fail-under 90
