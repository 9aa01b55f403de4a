#!/usr/bin/env bash
# Drives `runbookd serve` with OpenAI's own Python client, whole answers and streams, against a scripted language model.
#
# Exits 0 when the checks pass, or when this machine cannot have the client: then it prints `SKIPPED: OpenAI client
# (why)`. Exits 1 when a check fails. The programs under test: RUNBOOKD_BIN and INGEST_BIN, else those of the release
# build. The client is kept in ${XDG_CACHE_HOME:-~/.cache}/runbookd/openai/<version>/.
set -euo pipefail
cd "$(dirname "$0")"

readonly INSTALL_WITHIN_S=300 CHECK_WITHIN_S=180

target=${CARGO_TARGET_DIR:-target}
[[ $target = /* ]] || target=$(cd ../.. && pwd)/$target
export RUNBOOKD_BIN=${RUNBOOKD_BIN:-$target/release/runbookd} INGEST_BIN=${INGEST_BIN:-$target/release/ingest}

skip() { echo "SKIPPED: OpenAI client ($1)"; exit 0; }
fail() { echo "openai: $*" >&2; exit 1; }

for program in "$RUNBOOKD_BIN" "$INGEST_BIN"; do
  [ -x "$program" ] || fail "$program is missing: cargo build --release --workspace"
done
command -v python3 >/dev/null 2>&1 || skip "Python is not installed"
command -v timeout >/dev/null 2>&1 || skip "the command timeout is missing"

export PYTHONDONTWRITEBYTECODE=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

version=$(sed -n 's/^openai==//p' requirements.txt)
kept=${XDG_CACHE_HOME:-$HOME/.cache}/runbookd/openai/$version
if ! "$kept/bin/python" -c 'import openai' 2>/dev/null; then
  # Built beside its place, so that half an installation is never taken for one.
  building=$kept.$$
  mkdir -p "$(dirname "$kept")"
  if ! { timeout "$INSTALL_WITHIN_S" python3 -m venv "$building" &&
         timeout "$INSTALL_WITHIN_S" "$building/bin/pip" install --quiet -r requirements.txt; } >"$scratch/log" 2>&1; then
    rm -rf "$building"
    # pip names the addresses that it could not reach; which ones this machine uses is nobody's business in a log.
    skip "it cannot be installed: $(sed -E 's#[a-z0-9+]+://[^ ]*#(address)#g' "$scratch/log" | tail -1 | cut -c1-200)"
  fi
  rm -rf "$kept"
  mv "$building" "$kept"
fi

# A debug build searches slowly; the limit is for a check that hangs.
timeout --kill-after=10 "$CHECK_WITHIN_S" "$kept/bin/python" check.py || fail "the checks failed"
