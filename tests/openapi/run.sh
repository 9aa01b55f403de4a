#!/usr/bin/env bash
# Sends what /openapi.json allows, and what it does not, to `runbookd serve` (Schemathesis, all checks): nothing fails,
# nothing is replied that is not described, nothing is taken that is not allowed.
#
# Exits 0 when nothing is found, or when this machine cannot have Schemathesis: then it prints `SKIPPED: schemathesis
# (why)`. Exits 1 when something is found.
set -euo pipefail
. "$(dirname "$0")/../client.sh" "schemathesis"
# SECONDS is bash's own.
readonly TEST_WITHIN_S=90 EXAMPLES=${SCHEMATHESIS_EXAMPLES:-100} SEED=${SCHEMATHESIS_SEED:-1} TOKEN=for-fuzzing

# One worker: Hypothesis parses Python, and the parser of CPython 3.11 fails now and then when two threads use it.
prepare_client
serve_runbooks
cd "$scratch"
limited "$TEST_WITHIN_S" "$client/schemathesis" run "$url/openapi.json" --checks all --seed "$SEED" \
  --max-examples "$EXAMPLES" --workers 1 --header "Authorization: Bearer $TOKEN" --continue-on-failure ||
  fail "something was found, or it took more than $TEST_WITHIN_S s"
