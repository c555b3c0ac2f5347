#!/usr/bin/env bash
# Runs every test. The domain's own tests are measured: they reach all of it. With ALLMENDE_LONG_TRIALS=1 all tests are,
# which takes half as long again: then nine tenths of everything have to be reached.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    exec .venv/bin/pytest "$@"
fi

measure=()
[ -z "${ALLMENDE_LONG_TRIALS:-}" ] || measure=(--cov --cov-report=)
rm -f .coverage .coverage.* .coverage-domain
failed=0 domain=$(mktemp)

# One process beside the others: several would each trace the same imports, which takes longer than the tests.
COVERAGE_FILE=.coverage-domain .venv/bin/pytest tests/domain --cov --cov-report= >"$domain" 2>&1 &
# Four workers for two cores, for many tests wait for a process or a cluster. The house rules are run by `make check`.
.venv/bin/pytest tests --ignore tests/domain --ignore tests/browser --ignore tests/house -n 4 --dist worksteal \
    "${measure[@]}" --durations 25 || failed=$?
wait $! || failed=$?
cat "$domain"
rm "$domain"
[ "$failed" = 0 ] || exit "$failed"

COVERAGE_FILE=.coverage-domain .venv/bin/coverage report --include 'src/allmende/domain/*' --fail-under 100
.venv/bin/pytest tests/browser -n 2 --dist loadfile
if [ -n "${ALLMENDE_LONG_TRIALS:-}" ]; then
    .venv/bin/coverage combine --append --quiet .coverage-domain
    .venv/bin/coverage combine --append --quiet 2>/dev/null || true  # what job runners measured
    .venv/bin/coverage report --fail-under 90
fi
