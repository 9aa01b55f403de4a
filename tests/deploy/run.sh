#!/usr/bin/env bash
# Reads docker-compose.yml and the Dockerfile with Docker's own code, and holds them against what check.py demands: nothing
# published beyond loopback, nothing privileged, secrets in files, images pinned. No daemon, no registry, nothing is built.
#
# Exits 0 when nothing is found, or when this machine cannot have Docker's code: then it prints `SKIPPED: containers (why)`.
# Exits 1 when something is found. The programs are kept in ${XDG_CACHE_HOME:-~/.cache}/runbookd/deploy/<version>/.
set -euo pipefail
cd "$(dirname "$0")"

readonly COMPOSE=github.com/docker/compose/v5
# Everything is fetched and compiled once; both are kept in Go's own caches.
readonly FETCH_WITHIN_S=600 BUILD_WITHIN_S=1200 CHECK_WITHIN_S=120
# Compilers that run at once: each takes up to a gigabyte.
readonly JOBS=${DEPLOY_BUILD_JOBS:-2}

target=${CARGO_TARGET_DIR:-target}
[[ $target = /* ]] || target=$(cd ../.. && pwd)/$target
export INGEST_BIN=${INGEST_BIN:-$target/release/ingest} RUNBOOKD_BIN=${RUNBOOKD_BIN:-$target/release/runbookd}
export CGO_ENABLED=0 PYTHONDONTWRITEBYTECODE=1

skip() { echo "SKIPPED: containers ($1)"; exit 0; }
fail() { echo "containers: $*" >&2; exit 1; }

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

# Go's last words, without the addresses that it could not reach.
reason() {
  sed -E -e 's#[a-z0-9+]+://[^ "]*#(address)#g' -e 's#(dial tcp|lookup) [^:]+(:[0-9]+)?#\1 (address)#g' "$log" |
    grep -v '^go: downloading' | tail -1 | cut -c1-200
}

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

command -v timeout >/dev/null 2>&1 || skip "the command timeout is missing"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || skip "Python 3.11 or later is missing"
command -v go >/dev/null 2>&1 || skip "Go is not installed"
# Older ones do not read go.mod; from this one on Go fetches the version that go.mod wants, or says that it may not.
go=$(go env GOVERSION) && [ "$(printf 'go1.21\n%s\n' "$go" | sort -V | head -1)" = go1.21 ] ||
  skip "Go is too old: ${go:-unknown}"

version=$({ cat go.mod go.sum image.go; echo "$go"; } | sha256sum | cut -c1-16)
kept=${XDG_CACHE_HOME:-$HOME/.cache}/runbookd/deploy/$version
if [ ! -x "$kept/image" ] || [ ! -x "$kept/docker-compose" ]; then
  if ! quietly "$FETCH_WITHIN_S" go list -deps "$COMPOSE/cmd" .; then
    if grep -qE 'checksum mismatch|SECURITY ERROR|missing go.sum entry|updates to go.mod|go mod tidy|errors parsing go.mod' "$log"; then
      fail "go.mod and go.sum do not fit together: $(reason)"
    fi
    skip "Docker's modules cannot be fetched: $(reason)"
  fi
  mkdir -p "$kept"
  release=$(go list -m -f '{{.Version}}' "$COMPOSE")
  echo "building docker compose $release and BuildKit's reader of Dockerfiles; this is done once"
  started=$SECONDS
  # Each gets its name when it is whole.
  quietly "$BUILD_WITHIN_S" nice -n 10 go build -p "$JOBS" -o "$kept/docker-compose.$$" \
    -ldflags "-s -w -X $COMPOSE/internal.Version=$release" "$COMPOSE/cmd" ||
    { rm -f "$kept/docker-compose.$$"; skip "docker compose did not build within $BUILD_WITHIN_S s: $(reason)"; }
  mv "$kept/docker-compose.$$" "$kept/docker-compose"
  quietly "$BUILD_WITHIN_S" nice -n 10 go build -p "$JOBS" -ldflags '-s -w' -o "$kept/image.$$" . ||
    { rm -f "$kept/image.$$"; cat "$log" >&2; fail "image.go did not build"; }
  mv "$kept/image.$$" "$kept/image"
  echo "built in $((SECONDS - started)) s"
fi

# What a check would have to find is shown to it first.
limited "$CHECK_WITHIN_S" python3 -m unittest --quiet test_check || fail "the checks do not find what they should"
limited "$CHECK_WITHIN_S" python3 check.py "$kept/docker-compose" "$kept/image" || fail "something was found"
