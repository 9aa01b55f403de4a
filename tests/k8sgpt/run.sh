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

# Everything temporary is in one place, which goes with this script, whatever ends it.
scratch=$(mktemp -d)
child=
finish() {
  if [ -n "$child" ] && kill "$child" 2>/dev/null; then
    wait "$child" || true
  fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export TMPDIR=$scratch
log=$scratch/log

# Go names the addresses that it could not reach; which ones this machine uses is nobody's business in a log.
without_addresses() { sed -E -e 's#[a-z0-9+]+://[^ "]*#(address)#g' -e 's#(dial tcp|lookup) [^:]+(:[0-9]+)?#\1 (address)#g' "$log"; }

# Go's last words.
reason() { without_addresses | grep -v '^go: downloading' | tail -1 | cut -c1-200; }

# In the background, so that a signal to this script is not kept waiting.
limited() {
  timeout --kill-after=30 "$@" </dev/null &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=
  return "$code"
}

quietly() { limited "$@" >"$log" 2>&1; }

for program in "$RUNBOOKD_BIN" "$INGEST_BIN"; do
  [ -x "$program" ] || fail "$program is missing: cargo build --release --workspace"
done
command -v go >/dev/null 2>&1 || { skip "k8sgpt client" "Go is not installed"; exit 0; }
# Older ones do not read go.mod; from this one on Go fetches the version that go.mod wants, or says that it may not.
go=$(go env GOVERSION) && [ "$(printf 'go1.21\n%s\n' "$go" | sort -V | head -1)" = go1.21 ] ||
  { skip "k8sgpt client" "Go is too old: ${go:-unknown}"; exit 0; }
command -v timeout >/dev/null 2>&1 || { skip "k8sgpt client" "the command timeout is missing"; exit 0; }

# Only k8sgpt's packages: what is wrong with the tests themselves must not look like a missing network.
if ! quietly "$FETCH_WITHIN_S" go list -deps "$MODULE" "$MODULE/pkg/analysis"; then
  if grep -qE 'checksum mismatch|SECURITY ERROR|missing go.sum entry|updates to go.mod|go mod tidy|errors parsing go.mod' "$log"; then
    without_addresses >&2
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
  if quietly "$BUILD_WITHIN_S" nice -n 10 go build -p "$JOBS" -ldflags '-s -w' -o "$kept/k8sgpt.$$" "$MODULE"; then
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

# The limit around it covers compiling, and a test binary that ignores its own.
limited $((BUILD_WITHIN_S + TEST_WITHIN_S)) \
  nice -n 10 go test -p "$JOBS" -count=1 -timeout "${TEST_WITHIN_S}s" ${K8SGPT_TEST_FLAGS:-} ./... || fail "the tests failed"
