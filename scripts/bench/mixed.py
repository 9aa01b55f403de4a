"""Everything at once, for minutes: `make mixed`.

Valid, invalid, huge, slow and aborted requests to every route while the knowledge base is committed to again and again.
Prints requests and what came of them by kind, latencies, and the server's memory and open files over time. Ends with 1
where something was answered that must not be: a 5xx other than 503, a refusal that did not arrive, a server that ended, files
or connections that stay open. MIXED_SECONDS (300) and MIXED_CLIENTS (12) say how long and how many. Works on
RUNBOOKD_TEST_DATA's `corpora/runbooks`, or on `runbooks/` without it. Needs only the standard library.
"""

import collections
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench import BIN, DATA, ROOT, free_port, running

SECONDS = int(os.environ.get("MIXED_SECONDS", "300"))
CLIENTS = int(os.environ.get("MIXED_CLIENTS", "12"))
TOKEN = "mixed-load"
WORDS = "pod node OOMKilled restart image pull volume mount etcd timeout probe drain certificate ingress quota".split()
# Statuses that are right for a request of each kind.
RIGHT = {
    "valid": {200, 202, 404, 503},
    "invalid": {400, 401, 403, 404, 405, 406, 413, 415, 422, 431},
    "huge": {200, 413, 503},
    "slow": {200, 408, 503},
}


def status_of(pid: int) -> dict[str, int]:
    """Resident and anonymous megabytes, the most there were, threads and open files."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon", "VmHWM"):
            found[name] = int(value.split()[0]) // 1024
        elif name == "Threads":
            found[name] = int(value)
    found["files"] = len(os.listdir(f"/proc/{pid}/fd"))
    return found


class Client:
    """Sends requests of every kind, and counts what comes of them."""

    def __init__(self, port: int, seed: int):
        self.port, self.random = port, random.Random(seed)
        self.outcomes: collections.Counter = collections.Counter()
        self.times: dict[str, list[float]] = collections.defaultdict(list)
        self.wrong: list[str] = []
        self.ids: list[str] = []

    def question(self, words: int = 12) -> str:
        return " ".join(f"{self.random.choice(WORDS)}{self.random.choice(['', '', f'-{self.random.randrange(10**5)}'])}" for _ in range(words))

    def valid(self) -> tuple[str, str, object]:
        text = self.question()
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": self.random.choice(["search", "ask"]), "arguments": {}}}
        call["params"]["arguments"] = {"query" if call["params"]["name"] == "search" else "question": text}
        return self.random.choice(
            [
                ("POST", "/completions", {"model": "x", "prompt": text, "options": {"message": text, "language": "english"}}),
                ("POST", "/v1/completions", {"prompt": text, "stream": self.random.random() < 0.5}),
                ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "stream": self.random.random() < 0.5}),
                ("POST", "/v1/ask", {"question": text}),
                ("POST", "/v1/search", {"query": text, "limit": self.random.randrange(1, 20)}),
                ("GET", f"/v1/documents?id=changing/{self.random.randrange(60)}.md", None),
                ("GET", "/v1/models", None),
                ("POST", "/v1/feedback", {"id": self.random.choice(self.ids or ["none"]), "rating": "up", "comment": "it helped"}),
                ("POST", "/mcp", call),
                ("GET", "/metrics", None),
                ("GET", "/healthz", None),
                ("GET", "/readyz", None),
                ("GET", "/openapi.json", None),
            ]
        )

    def invalid(self) -> tuple[str, str, bytes, dict]:
        path = self.random.choice(["/completions", "/v1/completions", "/v1/chat/completions", "/v1/ask", "/v1/search", "/v1/feedback", "/mcp"])
        body = self.random.choice([b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"question": 5}', b'{"query": ""}', b"{}{}", b"[" * 5_000, bytes(self.random.randbytes(300))])
        return self.random.choice(
            [
                ("POST", path, body, {}),
                ("POST", path, b"{}", {"Content-Encoding": "gzip"}),
                ("POST", path, b'{"question": "x", "query": "x", "prompt": "x"}', {"Authorization": "Bearer wrong"}),
                ("PUT", path, body, {}),
                ("DELETE", "/v1/documents", b"", {}),
                ("GET", "/" + "x" * self.random.randrange(1, 2_000), b"", {}),
                ("GET", "/v1/documents?id=%00..%2f..%2fetc%2fpasswd", b"", {}),
                ("POST", path, b"{}", {f"x-{at}": "y" * 500 for at in range(60)}),
            ]
        )

    def huge(self) -> tuple[str, object]:
        path, key = self.random.choice([("/v1/ask", "question"), ("/v1/search", "query"), ("/completions", "prompt"), ("/v1/completions", "prompt")])
        size = self.random.choice([900_000, 900_000, 1_100_000, 5_000_000, 20_000_000])
        text = (self.question(200) + " ") * (size // 1_500 + 1)
        body = json.dumps({key: text[:size]}).encode()
        if self.random.random() < 0.5:
            return path, body
        return path, (body[at : at + 65_536] for at in range(0, len(body), 65_536))

    def once(self) -> None:
        kind = self.random.choices(["valid", "invalid", "huge", "slow", "aborted"], [70, 15, 4, 3, 8])[0]
        began = time.monotonic()
        try:
            what, path, status = getattr(self, f"send_{kind}")()
        except (OSError, http.client.HTTPException) as error:
            self.outcomes[kind, type(error).__name__] += 1
            if kind != "aborted":
                self.wrong.append(f"{kind}: {error!r}")
            return
        if kind == "valid":
            self.times[path.split("?")[0]].append((time.monotonic() - began) * 1e3)
        self.outcomes[kind, status] += 1
        if kind in RIGHT and status not in RIGHT[kind]:
            self.wrong.append(f"{kind}: {what} {path[:60]}: {status}")

    def request(self, method: str, path: str, body: object, headers: dict) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | headers
            connection.request(method, path, body=body, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def send_valid(self):
        method, path, body = self.valid()
        status, reply = self.request(method, path, None if body is None else json.dumps(body), {})
        if path == "/v1/ask" and status == 200:
            self.ids = self.ids[-50:] + [json.loads(reply)["id"]]
        return method, path, status

    def send_invalid(self):
        method, path, body, headers = self.invalid()
        return method, path, self.request(method, path, body, headers)[0]

    def send_huge(self):
        path, body = self.huge()
        return "POST", path, self.request("POST", path, body, {})[0]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def head(self, path: str, length: int) -> bytes:
        return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()

    def send_slow(self):
        body = json.dumps({"query": self.question()}).encode()
        with self.connect() as stream:
            stream.sendall(self.head("/v1/search", len(body)))
            for at in range(0, len(body), 16):
                time.sleep(0.2)
                stream.sendall(body[at : at + 16])
            reply = b""
            while piece := stream.recv(65_536):
                reply += piece
        return "POST", "/v1/search", int(reply.split(b" ", 2)[1])

    def send_aborted(self):
        """Leaves in the middle: of the head, the body, the wait, or the reply; with or without a word."""
        path = self.random.choice(["/v1/ask", "/v1/chat/completions", "/completions", "/mcp"])
        body = json.dumps({"question": self.question(), "prompt": "x", "stream": True, "messages": [{"role": "user", "content": self.question()}]}).encode()
        whole = self.head(path, len(body)) + body
        with self.connect() as stream:
            if self.random.random() < 0.5:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.sendall(whole[: self.random.choice([1, 40, len(whole) - len(body) // 2, len(whole), len(whole)])])
            if self.random.random() < 0.5:
                stream.settimeout(0.05)
                try:
                    stream.recv(100)
                except TimeoutError:
                    pass
        return "POST", path, "left"


def main() -> None:
    corpus = Path(DATA) / "corpora/runbooks" if DATA else ROOT / "runbooks"
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        kb, folder = work / "kb", work / "changing"
        folder.mkdir()
        pages = sorted(corpus.rglob("*.md"))[:400]
        for at, page in enumerate(pages):
            shutil.copy(page, folder / f"{at}.md")
        ingest = (BIN / "ingest", "--kb", kb, folder)
        subprocess.run(ingest, check=True, stdout=subprocess.DEVNULL)
        tokens = work / "tokens.toml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(f'[[token]]\nname = "mixed"\nsha256 = "{digest}"\nroles = ["admin"]\n')
        url = f"http://127.0.0.1:{free_port()}"
        command = (BIN / "runbookd", "serve", "--kb", kb, "--listen", url.removeprefix("http://"))
        environment = {"RUNBOOKD_TOKENS_FILE": str(tokens), "RUNBOOKD_STATE": str(work / "state")}
        with running(f"{url}/readyz", *command, **environment) as process:
            sys.exit(drive(process, int(url.rsplit(":", 1)[1]), folder, ingest))


def drive(process: subprocess.Popen, port: int, folder: Path, ingest: tuple) -> int:
    ends = time.monotonic() + SECONDS
    before = status_of(process.pid)
    clients = [Client(port, seed) for seed in range(CLIENTS)]
    commits: list[int] = []

    def ask(client: Client) -> None:
        while time.monotonic() < ends and process.poll() is None:
            client.once()

    def commit() -> None:
        edition = 0
        while time.monotonic() < ends:
            edition += 1
            for page in list(folder.iterdir())[edition % 11 :: 17]:
                page.write_text(f"{page.read_text()[:20_000]}\n\nEdition {edition}.\n")
            done = subprocess.run(ingest, capture_output=True, text=True)
            commits.append(done.returncode)
            if done.returncode:
                print(f"ingest: {done.stderr.strip()}", flush=True)
            # A signal that ends nothing.
            process.send_signal(signal.SIGHUP)
            time.sleep(0.5)

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients] + [threading.Thread(target=commit)]
    for thread in threads:
        thread.start()
    print(f"{CLIENTS} clients for {SECONDS} s\n    time  resident  anonymous  threads  files", flush=True)
    peaks = dict(before)
    shown = time.monotonic()
    while any(thread.is_alive() for thread in threads) and process.poll() is None:
        now = status_of(process.pid)
        peaks = {name: max(peaks[name], now[name]) for name in peaks}
        if time.monotonic() >= shown:
            elapsed = SECONDS - (ends - time.monotonic())
            print(f"{elapsed:6.0f} s {now['VmRSS']:6} MB {now['RssAnon']:7} MB {now['Threads']:8} {now['files']:6}", flush=True)
            shown += max(5, SECONDS / 30)
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    wrong = [line for client in clients for line in client.wrong]
    if process.poll() is not None:
        print(f"the server ended with {process.returncode}")
        return 1
    time.sleep(min(20, SECONDS))
    after = status_of(process.pid)

    outcomes = sum((client.outcomes for client in clients), collections.Counter())
    print(f"\n{sum(outcomes.values())} requests, {len(commits)} commits, {sum(map(bool, commits))} of them failed")
    for kind in sorted({kind for kind, _ in outcomes}):
        found = {str(outcome): count for (of, outcome), count in sorted(outcomes.items(), key=str) if of == kind}
        print(f"  {kind:8} {sum(found.values()):7}: " + ", ".join(f"{name} {count}" for name, count in found.items()))
    print("latencies of valid requests in ms:")
    for path in sorted({path for client in clients for path in client.times}):
        times = sorted(took for client in clients for took in client.times[path])
        print(f"  {path:22} {len(times):6}: p50 {times[len(times) // 2]:7.1f}  p99 {times[int(len(times) * 0.99)]:7.1f}  max {times[-1]:7.1f}")
    for name, unit in (("VmRSS", "resident MB"), ("RssAnon", "anonymous MB"), ("Threads", "threads"), ("files", "open files")):
        print(f"{unit}: {before[name]} before, {peaks[name]} at most, {after[name]} 20 s after the end")
    leaked = after["files"] > before["files"] + 16
    for line in collections.Counter(wrong).most_common(20):
        print(f"wrong: {line[1]} times {line[0]}")
    if leaked:
        print("wrong: files stay open")
    return 1 if wrong or leaked or any(commits) else 0


if __name__ == "__main__":
    main()
