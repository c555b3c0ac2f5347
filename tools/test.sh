#!/usr/bin/env bash
# Runs every test. The domain's own tests are measured: they reach all of it. With ALLMENDE_LONG_TRIALS=1 all tests are,
# which takes half as long again: then nine tenths of everything have to be reached.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    exec .venv/bin/pytest "$@"
fi

measure=()
[ -z "${ALLMENDE_LONG_TRIALS:-}" ] || measure=(--cov --cov-append --cov-report=)

rm -f .coverage .coverage.*
.venv/bin/pytest tests/domain -n 3 --dist worksteal --cov --cov-report=
.venv/bin/coverage report --include 'src/allmende/domain/*' --fail-under 100
# Four workers for two cores, for many tests wait for a process or a cluster. The house rules are run by `make check`.
.venv/bin/pytest tests --ignore tests/domain --ignore tests/browser --ignore tests/house -n 4 --dist worksteal \
    "${measure[@]}" --durations 25
.venv/bin/pytest tests/browser -n 2 --dist loadfile
if [ -n "${ALLMENDE_LONG_TRIALS:-}" ]; then
    .venv/bin/coverage combine --append --quiet 2>/dev/null || true  # what job runners measured
    .venv/bin/coverage report --fail-under 90
fi
