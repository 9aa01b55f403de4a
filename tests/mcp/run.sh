#!/usr/bin/env bash
# Drives `runbookd serve` with the official Python client of the Model Context Protocol.
#
# Exits 0 when the tests pass, or when this machine cannot have the client: then it prints `SKIPPED: MCP client (why)`.
# Exits 1 when a test fails.
set -euo pipefail
. "$(dirname "$0")/../client.sh" "MCP client"
readonly TEST_WITHIN_S=120 TOKEN=for-agents

prepare_client
serve_runbooks
RUNBOOKD_MCP_URL=$url/mcp limited "$TEST_WITHIN_S" "$client/python" -m unittest --verbose test_client ||
  fail "the tests failed"
