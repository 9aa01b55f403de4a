"""Speed and memory of the built programs, side by side in one run: `make bench`.

Works on RUNBOOKD_TEST_DATA (`corpora/k8s-docs-en`, `corpora/runbooks`, `questions/`), or on `runbooks/` without it. The
knowledge base of the larger corpus is kept in the target directory and brought up to date, so only the first run embeds
it. Needs only the standard library.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BIN = TARGET / "release"
DATA = os.environ.get("RUNBOOKD_TEST_DATA")
REPEATS = 7


def run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL)


def timed(*command: object) -> float:
    started = time.monotonic()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def cargo_bench(package: str, bench: str, *arguments: object) -> None:
    run("cargo", "bench", "-q", "--locked", "-p", package, "--bench", bench, "--", *arguments)


def resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def complete(url: str, message: str) -> None:
    body = json.dumps({"model": "bench", "prompt": message, "options": {"message": message}}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/completions", data=body), timeout=60) as reply:
        reply.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(url: str, *command: object, **environment: str):
    """A server that is ready once `url` answers; ended with the block."""
    variables = {**os.environ, "RUNBOOKD_STATE": "none", **environment}
    started = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], env=variables, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(url, timeout=1):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() - started > 60:
                    raise SystemExit(f"bench: {command[0]} did not become ready")
                time.sleep(0.005)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def serving(kb: Path, **environment: str):
    """`runbookd serve` on a port of its own: its URL and process."""
    url = f"http://127.0.0.1:{free_port()}"
    command = (BIN / "runbookd", "serve", "--kb", kb, "--listen", url.removeprefix("http://"))
    with running(f"{url}/readyz", *command, **environment) as process:
        yield url, process


def measure_server(kb: Path, messages: list[str]) -> None:
    started = time.monotonic()
    with serving(kb) as (url, server):
        print(f"serve: start to ready {time.monotonic() - started:.2f} s (aim: under 1 s)")
        print(f"serve: resident when ready {resident_megabytes(server.pid):.0f} MB")
        times = []
        for message in messages:
            begun = time.monotonic()
            complete(url, message)
            times.append((time.monotonic() - begun) * 1e3)
        quantiles = statistics.quantiles(times, n=100)
        print(f"serve: /completions without a model, {len(times)} failures: p50 {quantiles[49]:.1f} ms, p99 {quantiles[98]:.1f} ms")
        print(f"serve: resident after them {resident_megabytes(server.pid):.0f} MB (aim: under 350 MB)")


def main() -> None:
    if DATA:
        small, large = Path(DATA) / "corpora/runbooks", Path(DATA) / "corpora/k8s-docs-en"
        queries = Path(DATA) / "questions/blogcite_en/queries.jsonl"
        messages = [json.loads(line)["message"] for line in (Path(DATA) / "k8sgpt_messages.jsonl").open()]
    else:
        print("RUNBOOKD_TEST_DATA is not set: measuring on runbooks/, which is small")
        small = large = ROOT / "runbooks"
        queries = None
        messages = ["Back-off pulling image \"registry.example.com/a/b:1\"", "the last termination reason is OOMKilled"]
    kb = TARGET / "bench" / f"{large.name}-kb"
    kb.parent.mkdir(parents=True, exist_ok=True)

    print("== embedding: ingest against raw ONNX Runtime on the same batches (aim: ratio 0.9 or more)", flush=True)
    cargo_bench("runbookd-ingest", "embedding", small)

    print(f"\n== ingest of {large.name} again, nothing changed (aim for 1,081 files: under 1 s)", flush=True)
    run(BIN / "ingest", "--kb", kb, large)
    times = sorted(timed(BIN / "ingest", "--kb", kb, large) for _ in range(REPEATS))
    print(f"unchanged: median {statistics.median(times):.2f} s, best {times[0]:.2f} s of {REPEATS} runs")

    if queries:
        print("\n== retrieval with the question's embedding (aim: p50 under 10 ms)", flush=True)
        cargo_bench("runbookd-kb", "retrieval", kb, queries)

    print("\n== server", flush=True)
    measure_server(kb, messages * 4)


if __name__ == "__main__":
    main()
