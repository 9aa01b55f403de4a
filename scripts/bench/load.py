"""What `runbookd serve` does under load, and under abuse: `make load`.

Works on RUNBOOKD_TEST_DATA (`corpora/k8s-docs-en`, `corpora/runbooks`, `questions/`, `k8sgpt_messages.jsonl`) with a
scripted language model that takes 200 ms. Times are of this machine and of what else it does; ratios are taken within
the run. Needs only the standard library, cargo, and the network once for `oha`.
"""

import asyncio
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench import BIN, DATA, TARGET, free_port, resident_megabytes, run, running, serving

OHA_VERSION = "1.16.0"
LLM_S = 0.2
LLM_SLOTS = 8
SEARCH_SLOTS = 32
SECONDS = int(os.environ.get("LOAD_SECONDS", "15"))  # of each phase
NUM_SLOW = 1_000
NUM_INGESTS = 20
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "runbookd"


def oha() -> Path:
    """The load generator, installed once."""
    root = CACHE / f"oha-{OHA_VERSION}"
    if not (root / "bin/oha").exists():
        run("cargo", "install", "--quiet", "--locked", "--root", root, "--version", OHA_VERSION, "oha")
    return root / "bin/oha"


class Load:
    """What came of a number of requests."""

    def __init__(self, report: dict):
        self.statuses = {int(status): count for status, count in report["statusCodeDistribution"].items()}
        self.per_second = report["summary"]["requestsPerSec"]
        self.accepted = self.statuses.get(200, 0)
        self.failed = sum(
            count for error, count in report["errorDistribution"].items() if error != "aborted due to deadline"
        )
        percentiles = report.get("latencyPercentilesSuccessful") or report["latencyPercentiles"]
        self.p50_ms, self.p99_ms = ((percentiles[at] or float("nan")) * 1e3 for at in ("p50", "p99"))


def load(url: str, bodies: Path, *options: object) -> Load:
    """Sends lines of a file as bodies, for as long as a phase takes."""
    command = [oha(), "--no-tui", "--output-format", "json", "--stats-success-breakdown", "-z", f"{SECONDS}s"]
    command += ["-m", "POST", "-T", "application/json", "-Z", bodies, *options, url]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"load: oha failed: {done.stderr}")
    return Load(json.loads(done.stdout))


def post(url: str, body: object, timeout: float = 60) -> tuple[int, dict, dict]:
    """Status, headers and body of one request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=timeout) as reply:
            return reply.status, dict(reply.headers), json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.load(error)


def k8sgpt(message: str) -> dict:
    return {"model": "load", "prompt": message, "options": {"message": message, "language": "english"}}


def distinct(path: Path, texts: list[str], count: int, body) -> Path:
    """A file of bodies, no two the same question."""
    with path.open("w") as file:
        for at in range(count):
            file.write(json.dumps(body(f"{texts[at % len(texts)]} (case {at})")) + "\n")
    return path


class Memory:
    """The most that a process had resident while the block ran."""

    def __init__(self, pid: int):
        self.pid, self.before, self.peak, self.after = pid, resident_megabytes(pid), 0.0, 0.0
        self.ended = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self) -> None:
        while not self.ended.wait(0.1):
            self.peak = max(self.peak, resident_megabytes(self.pid))

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.after = resident_megabytes(self.pid)

    def __str__(self) -> str:
        return f"resident {self.before:.0f} MB before, {self.peak:.0f} MB at most, {self.after:.0f} MB after"


def overhead(url: str, messages: list[str], work: Path) -> None:
    print("\n== our own time of a /completions that asks the model", flush=True)
    asked = [message for message in messages if post(f"{url}/completions", k8sgpt(message))[2]["answered_by"] == "llm"]
    bodies = distinct(work / "completions.jsonl", asked, 50_000, k8sgpt)
    rate = int(LLM_SLOTS / LLM_S / 2)
    found = load(f"{url}/completions", bodies, "-q", rate, "-c", LLM_SLOTS, "--latency-correction")
    p50, p99 = found.p50_ms - LLM_S * 1e3, found.p99_ms - LLM_S * 1e3
    print(f"{found.accepted} distinct questions at {rate}/s, half of what the model can do; statuses {found.statuses}")
    print(f"beside the model's {LLM_S * 1e3:.0f} ms: p50 {p50:.1f} ms, p99 {p99:.1f} ms (aim: p99 under 25 ms)")


def search_rate(url: str, kb: Path, queries: Path, bodies: Path) -> None:
    print("\n== /v1/search against the embedding model alone", flush=True)
    bench = ["cargo", "bench", "-q", "--locked", "-p", "runbookd-kb", "--bench", "retrieval", "--", str(kb), str(queries)]
    output = subprocess.run(bench, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    print(output.strip())
    limit = float(re.search(r"embedding alone: .* ([\d.]+)/s", output)[1])
    rates = {clients: load(f"{url}/v1/search", bodies, "-c", clients).per_second for clients in (1, 2, 4, 8)}
    best = max(rates.values())
    print("searches/s by clients: " + ", ".join(f"{clients}: {rate:.0f}" for clients, rate in rates.items()))
    print(f"best {best:.0f}/s of {limit:.0f} embeddings/s: ratio {best / limit:.2f} (aim: 0.8)")


def cached(url: str, message: str, work: Path) -> None:
    print("\n== /completions that were answered before", flush=True)
    body = work / "cached.jsonl"
    body.write_text(json.dumps(k8sgpt(message)) + "\n")
    post(f"{url}/completions", k8sgpt(message))
    found = load(f"{url}/completions", body, "-c", 32)
    print(f"{found.per_second:.0f}/s, p99 {found.p99_ms:.1f} ms, statuses {found.statuses} (aim: over 5,000/s)")


def overload(url: str, pid: int, bodies: Path) -> None:
    print("\n== ten times as many searches as can be done", flush=True)
    load(f"{url}/v1/search", bodies, "-c", SEARCH_SLOTS)  # warms up, so that memory is compared with itself
    full = load(f"{url}/v1/search", bodies, "-c", SEARCH_SLOTS)
    capacity = full.accepted / SECONDS
    print(f"full: {SEARCH_SLOTS} clients, {capacity:.0f}/s, p99 {full.p99_ms:.0f} ms, statuses {full.statuses}")
    refusals: list[tuple[int, dict]] = []
    stop = threading.Event()

    def probe() -> None:
        while not stop.wait(0.2):
            status, headers, _ = post(f"{url}/v1/search", {"query": f"probe {time.monotonic()}"})
            if status != 200:
                refusals.append((status, {name.lower(): value for name, value in headers.items()}))

    prober = threading.Thread(target=probe)
    with Memory(pid) as memory:
        prober.start()
        over = load(f"{url}/v1/search", bodies, "-q", int(capacity * 10), "-c", SEARCH_SLOTS * 10)
        ended = time.monotonic()
        stop.set()
        prober.join()
    while post(f"{url}/v1/search", {"query": f"afterwards {time.monotonic()}"})[0] != 200:
        time.sleep(0.02)
    recovered = time.monotonic() - ended
    told = sum(status in (429, 503) and "retry-after" in headers for status, headers in refusals)
    print(f"over: {over.per_second:.0f}/s asked, {over.accepted / SECONDS:.0f}/s done, statuses {over.statuses}, {over.failed} without a reply")
    print(f"accepted p99 {over.p99_ms:.0f} ms, {over.p99_ms / full.p99_ms:.1f} times that of full load (aim: at most 2)")
    print(f"of {len(refusals)} refusals looked at, {told} had 429 or 503 and Retry-After")
    print(f"{memory}; served again {recovered:.1f} s after the end (aim: within 5 s)")


async def slow_client(host: str, port: int, kind: str) -> float:
    """Seconds until the server closes a client that is slow in one of four ways."""
    reader, writer = await asyncio.open_connection(host, port)
    began = time.monotonic()
    head = b"POST /v1/ask HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n"
    writer.write({"idle": b"", "half head": head[:30], "dripping head": head + b"x-drip: ", "slow body": head + b"\r\n{"}[kind])

    async def drip() -> None:
        while kind in ("dripping head", "slow body"):
            await asyncio.sleep(1)
            writer.write(b"a")

    dripping = asyncio.create_task(drip())
    try:
        while await asyncio.wait_for(reader.read(4096), 60):
            pass
    except ConnectionError:
        pass
    dripping.cancel()
    writer.close()
    return time.monotonic() - began


async def slow(url: str) -> None:
    print(f"\n== {NUM_SLOW} slow clients", flush=True)
    host, port = url.removeprefix("http://").split(":")
    kinds = ("idle", "half head", "dripping head", "slow body")

    async def good(times: list[float], count: int) -> int:
        failed = 0
        for at in range(count):
            began = time.monotonic()
            status, _, _ = await asyncio.to_thread(post, f"{url}/v1/search", {"query": f"pod restarts {random.random()}"})
            times.append((time.monotonic() - began) * 1e3)
            failed += status != 200
            await asyncio.sleep(0.05)
        return failed

    alone, beside = [], []
    await good(alone, 40)
    slows = asyncio.gather(*(slow_client(host, int(port), kinds[at % 4]) for at in range(NUM_SLOW)))
    await asyncio.sleep(1)
    failed = await good(beside, 80)
    took = await slows
    by_kind = ", ".join(f"{kind} {max(took[at::4]):.1f} s" for at, kind in enumerate(kinds))
    print(f"the last of each kind closed after: {by_kind} (aim: within 15 s)")
    print(
        f"another client: {failed} of {len(beside)} failed; p50 {statistics.median(beside):.1f} ms, "
        f"max {max(beside):.1f} ms (alone: {statistics.median(alone):.1f}, {max(alone):.1f})"
    )


def re_ingests(work: Path) -> None:
    print(f"\n== 50 searches a second during {NUM_INGESTS} ingests", flush=True)
    kb, folder = work / "changing-kb", work / "changing"
    shutil.copytree(Path(DATA) / "corpora/runbooks", folder)
    pages = sorted(folder.rglob("*.md"))
    run(BIN / "ingest", "--kb", kb, folder)
    results: list[tuple[int, float, str]] = []
    stop = threading.Event()
    with serving(kb) as (url, _):

        def ask() -> None:
            began = time.monotonic()
            try:
                status, _, reply = post(f"{url}/v1/search", {"query": f"pod does not start {random.random()}"})
            except OSError:
                status, reply = 0, {}
            results.append((status, (time.monotonic() - began) * 1e3, reply.get("kb_version", "")))

        def clock() -> None:
            due = time.monotonic()
            while not stop.is_set():
                threading.Thread(target=ask).start()
                due += 1 / 50
                time.sleep(max(0.0, due - time.monotonic()))

        asker = threading.Thread(target=clock)
        asker.start()
        began = time.monotonic()
        for edition in range(NUM_INGESTS):
            for page in pages[edition % 7 :: 29]:
                page.write_text(f"{page.read_text()}\n\nEdition {edition}.\n")
            subprocess.run([BIN / "ingest", "--kb", kb, folder], check=True, capture_output=True)
        took = time.monotonic() - began
        time.sleep(1)
        stop.set()
        asker.join()
        time.sleep(1)
    times = sorted(time_ms for _, time_ms, _ in results)
    errors = sum(status != 200 for status, _, _ in results)
    versions = {version for _, _, version in results}
    print(f"{len(results)} searches in {took:.0f} s: {errors} errors (aim: 0), {len(versions)} versions seen of {NUM_INGESTS + 1}")
    print(f"p50 {times[len(times) // 2]:.1f} ms, p99 {times[int(len(times) * 0.99)]:.1f} ms, max {times[-1]:.1f} ms")


def main() -> None:
    if not DATA:
        print("SKIPPED: RUNBOOKD_TEST_DATA is not set")
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    oha()
    corpus = Path(DATA) / "corpora/k8s-docs-en"
    kb = TARGET / "bench" / f"{corpus.name}-kb"
    kb.parent.mkdir(parents=True, exist_ok=True)
    run(BIN / "ingest", "--kb", kb, corpus)
    messages = [json.loads(line)["message"] for line in (Path(DATA) / "k8sgpt_messages.jsonl").open()][:120]
    queries = Path(DATA) / "questions/blogcite_en/queries.jsonl"
    texts = [json.loads(line)["text"] for line in queries.open()]
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {SECONDS} s a phase")
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        bodies = distinct(work / "search.jsonl", texts, 200_000, lambda text: {"query": text})
        llm = f"http://127.0.0.1:{free_port()}"
        scripted = (BIN / "examples/scripted-llm", llm.removeprefix("http://"), int(LLM_S * 1e3))
        with running(llm, *scripted):
            with serving(kb, RUNBOOKD_LLM_BASE_URL=f"{llm}/v1", RUNBOOKD_LLM_MODEL="scripted") as (url, _):
                overhead(url, messages, work)
                cached(url, messages[0], work)
        with serving(kb) as (url, process):
            search_rate(url, kb, queries, bodies)
            overload(url, process.pid, bodies)
            asyncio.run(slow(url))
        re_ingests(work)


if __name__ == "__main__":
    main()
