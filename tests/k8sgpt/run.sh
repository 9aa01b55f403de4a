#!/usr/bin/env bash
# Drives `runbookd serve` with k8sgpt's real client and, where it can be built, with k8sgpt's whole command line.
#
# Exits 0 when the tests pass, or when this machine cannot have k8sgpt at all: then it prints `SKIPPED: k8sgpt client
# (why)`. Exits 1 when a test fails or the module is broken. The programs under test: RUNBOOKD_BIN and INGEST_BIN, else
# those of the release build. The command line is kept in ${XDG_CACHE_HOME:-~/.cache}/runbookd/k8sgpt/<version>/.
set -euo pipefail
cd "$(dirname "$0")"

readonly MODULE=github.com/k8sgpt-ai/k8sgpt
# Everything is fetched and compiled once; both are kept in Go's own caches.
readonly FETCH_WITHIN_S=600 BUILD_WITHIN_S=1200 TEST_WITHIN_S=600
# Compilers that run at once: each takes up to a gigabyte.
readonly JOBS=${K8SGPT_BUILD_JOBS:-2}

target=${CARGO_TARGET_DIR:-target}
[[ $target = /* ]] || target=$(cd ../.. && pwd)/$target
export RUNBOOKD_BIN=${RUNBOOKD_BIN:-$target/release/runbookd} INGEST_BIN=${INGEST_BIN:-$target/release/ingest}
export CGO_ENABLED=0

skip() { echo "SKIPPED: $1 ($2)"; }
fail() { echo "k8sgpt: $*" >&2; exit 1; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The reason in one line. Go names the address that it could not reach, which is nobody's business in a log.
reason() { grep -v '^go: downloading' "$log" | tail -1 | sed -E 's#[a-z0-9+]+://[^ "]*#(address)#g' | cut -c1-200; }

within() {
  local seconds=$1
  shift
  timeout --kill-after=10 "$seconds" "$@" </dev/null >"$log" 2>&1
}

for program in "$RUNBOOKD_BIN" "$INGEST_BIN"; do
  [ -x "$program" ] || fail "$program is missing: cargo build --release --workspace"
done
command -v go >/dev/null 2>&1 || { skip "k8sgpt client" "Go is not installed"; exit 0; }
command -v timeout >/dev/null 2>&1 || { skip "k8sgpt client" "the command timeout is missing"; exit 0; }

# Only k8sgpt's packages: what is wrong with the tests themselves must not look like a missing network.
if ! within "$FETCH_WITHIN_S" go list -deps "$MODULE" "$MODULE/pkg/analysis"; then
  if grep -qE 'checksum mismatch|SECURITY ERROR|missing go.sum entry|updates to go.mod|go mod tidy|errors parsing go.mod' "$log"; then
    cat "$log" >&2
    fail "go.mod and go.sum do not fit together"
  fi
  skip "k8sgpt client" "its modules cannot be fetched: $(reason)"
  exit 0
fi

version=$(go list -m -f '{{.Version}}' "$MODULE")
kept=${XDG_CACHE_HOME:-$HOME/.cache}/runbookd/k8sgpt/$version
if [ ! -x "$kept/k8sgpt" ]; then
  mkdir -p "$kept"
  echo "building k8sgpt $version; this is done once"
  started=$SECONDS
  if within "$BUILD_WITHIN_S" nice -n 10 go build -p "$JOBS" -ldflags '-s -w' -o "$kept/k8sgpt.$$" "$MODULE"; then
    mv "$kept/k8sgpt.$$" "$kept/k8sgpt"
    echo "built in $((SECONDS - started)) s"
  else
    rm -f "$kept/k8sgpt.$$"
    skip "k8sgpt command line" "it did not build within $BUILD_WITHIN_S s: $(reason)"
  fi
fi
if [ -x "$kept/k8sgpt" ]; then
  export K8SGPT_BIN=$kept/k8sgpt
fi

# The limit around it is for a test binary that ignores its own.
timeout --kill-after=10 $((BUILD_WITHIN_S + TEST_WITHIN_S)) \
  go test -p "$JOBS" -count=1 -timeout "${TEST_WITHIN_S}s" ${K8SGPT_TEST_FLAGS:-} ./...
