# What the tests with clients from PyPI share. Sourced by a `run.sh` that stands beside its `requirements.txt`.
# The programs under test: RUNBOOKD_BIN and INGEST_BIN, else those of the release build.

subject=$1 # what the tests are called when they are skipped or fail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-target}
[[ $target = /* ]] || target=$root/$target
readonly RUNBOOKD_BIN=${RUNBOOKD_BIN:-$target/release/runbookd} INGEST_BIN=${INGEST_BIN:-$target/release/ingest}
readonly INSTALL_WITHIN_S=300 START_WITHIN_S=30

skip() { echo "SKIPPED: $subject ($1)"; exit 0; }
fail() { echo "$subject: $*" >&2; exit 1; }

# Everything temporary is in one place, which goes with this script, whatever ends it.
scratch=$(mktemp -d)
child= server=
finish() {
  for program in $child $server; do
    if kill "$program" 2>/dev/null; then wait "$program" || true; fi
  done
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# In the background, so that a signal to this script is not kept waiting.
limited() {
  timeout --kill-after=10 "$@" </dev/null &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=
  return "$code"
}

export PYTHONDONTWRITEBYTECODE=1

# Makes the environment of the client, once for each version of requirements.txt; its `bin` is in $client.
prepare_client() {
  for program in "$RUNBOOKD_BIN" "$INGEST_BIN"; do
    [ -x "$program" ] || fail "$program is missing: cargo build --release --workspace"
  done
  command -v timeout >/dev/null 2>&1 || skip "the command timeout is missing"
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    skip "Python 3.11 or later with venv is missing"
  local version kept
  version=$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open("requirements.txt", "rb").read() + sys.version.encode()).hexdigest()[:16])')
  kept=${XDG_CACHE_HOME:-$HOME/.cache}/runbookd/$(basename "$PWD")/$version
  client=$kept/bin
  [ ! -e "$kept/complete" ] || return 0
  rm -rf "$kept"
  python3 -m venv "$kept"
  if ! limited "$INSTALL_WITHIN_S" "$client/pip" install --quiet --disable-pip-version-check --no-input --retries 1 \
    --requirement requirements.txt >"$scratch/pip.log" 2>&1; then
    rm -rf "$kept"
    # pip names the addresses that it could not reach; which ones this machine uses is nobody's business in a log.
    local reason
    reason=$(sed -E 's#[a-z]+://[^ ]*#(address)#g' "$scratch/pip.log" | grep -v '^WARNING' | tail -1 | cut -c1-200)
    if grep -qE 'ResolutionImpossible|conflicting dependencies|Invalid requirement' "$scratch/pip.log"; then
      fail "requirements.txt does not fit together: $reason"
    fi
    skip "its packages cannot be installed: ${reason:-no reply within $INSTALL_WITHIN_S s}"
  fi
  touch "$kept/complete"
}

# Reads runbooks/ and serves it with one token, in $TOKEN, on a free port; the address is in $url. The small
# deterministic embedder is enough for what these tests look at, and needs no model.
serve_runbooks() {
  export RUNBOOKD_TOKEN=${TOKEN:-} RUNBOOKD_EMBEDDER=hashed RUNBOOKD_LOG_JSON=true RUNBOOKD_STATE=$scratch/state
  limited 120 "$INGEST_BIN" --kb "$scratch/kb" --embedder hashed "$root/runbooks" >"$scratch/ingest.log" 2>&1 ||
    { cat "$scratch/ingest.log" >&2; fail "the sample documents were not read"; }
  (cd "$scratch" && exec "$RUNBOOKD_BIN" serve --kb kb --listen 127.0.0.1:0) 2>"$scratch/serve.log" &
  server=$!
  local deadline=$((SECONDS + START_WITHIN_S))
  until url=$(sed -nE 's/.*"address":"([^"]+)".*/http:\/\/\1/p' "$scratch/serve.log") && [ -n "$url" ]; do
    [ $SECONDS -lt $deadline ] && kill -0 "$server" 2>/dev/null ||
      { cat "$scratch/serve.log" >&2; fail "runbookd did not start"; }
    sleep 0.1
  done
}
