"""The main job, end to end: reads `runbooks/` into a new knowledge base, serves it, asks as k8sgpt would, prints answers.

`make demo` builds first and then runs this. Nothing is left running or lying about, unless DEMO_KEEP=1 keeps the server
up until Ctrl-C. Needs only the standard library.
"""

import base64
import json
import os
import random
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
HOST, PORT = "127.0.0.1", 8000
READY_WITHIN_S = 20

# The client's default template, as k8sgpt fills it: the failures stand in `message` as well.
TEMPLATE = (
    "Simplify the following Kubernetes error message delimited by triple dashes written in --- {language} --- "
    "language; --- {message} ---.\n"
    "Provide the most possible solution in a step by step style in no more than 280 characters. Write the output in "
    "the following format:\nError: {{Explain error here}}\nSolution: {{Step by step solution here}}\n"
)


def masked(name: str) -> str:
    """A name as k8sgpt's anonymiser writes it: as many random characters, in base64."""
    alphabet = string.ascii_letters + string.digits + "!@#$%^&*()_+=-"
    return base64.b64encode("".join(random.choice(alphabet) for _ in name).encode()).decode()


LEGACY = "dont-do-anything-deployment"
QUESTIONS = [
    (
        "an OOMKilled pod",
        "english",
        "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt",
    ),
    (
        "an image that cannot be pulled",
        "english",
        'Back-off pulling image "registry.example.com/payments/api:1.42.0"',
    ),
    (
        "the deployment nobody may touch",
        "english",
        f"Deployment legacy/{LEGACY} has 1 replicas but 0 are available with status running",
    ),
    (
        "the same, its name masked as the operator does by default",
        "english",
        f"Deployment {masked('legacy')}/{masked(LEGACY)} has 1 replicas but 0 are available with status running",
    ),
    (
        "a question in Chinese",
        "Traditional Chinese",
        "Pod 一直 CrashLoopBackOff，重啟好幾次了，應該先檢查什麼？",
    ),
    (
        "a question the knowledge base cannot answer",
        "english",
        "How do I restore the Kafka consumer offsets of topic orders-events after a broker was replaced?",
    ),
]


def fail(message: str) -> None:
    raise SystemExit(f"demo: {message}")


def ask(language: str, message: str) -> tuple[dict, float]:
    """One request as k8sgpt's `customrest` client sends it; the reply and the seconds it took."""
    body = {
        "model": "runbooks",
        "prompt": TEMPLATE.format(language=language, message=message),
        "options": {"language": language, "message": message, "temperature": 0.7, "top_p": 0.5, "top_k": 50},
    }
    request = urllib.request.Request(
        f"http://{HOST}:{PORT}/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/x-ndjson"},
    )
    started = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as reply:
        parsed = json.loads(reply.read())
    return parsed, time.monotonic() - started


def wait_until_ready(server: subprocess.Popen) -> float:
    started = time.monotonic()
    while time.monotonic() - started < READY_WITHIN_S:
        if server.poll() is not None:
            fail(f"the server ended at once with exit code {server.returncode}; its words are above")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{PORT}/readyz", timeout=2) as reply:
                if reply.status == 200:
                    return time.monotonic() - started
        except OSError:
            time.sleep(0.02)
    fail(f"the server was not ready within {READY_WITHIN_S} s")


def print_answer(number: int, what: str, message: str, reply: dict, seconds: float) -> None:
    print(f"\n{'─' * 100}\n{number}. {what}\n\nQ: {message}\n")
    for line in reply["response"].splitlines():
        print(f"   {line}")
    print(f"\n   status   {reply['status']}   ({reply['answered_by']}, confidence {reply['confidence']:.2f})")
    print(f"   sources  {'none' if not reply['citations'] else ''}")
    for citation in reply["citations"]:
        where = citation.get("url") or citation["document"]
        print(f"            [{citation['n']}] {citation['title']}  {where}")
    print(f"   time     {seconds * 1000:.0f} ms")


def main() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError:
            fail(f"port {PORT} on {HOST} is in use; stop what listens there and run `make demo` again")
    directory = Path(tempfile.mkdtemp(prefix="runbookd-demo-"))
    server = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        kb = directory / "kb"
        print("ingest --kb KB runbooks", flush=True)
        ingest = subprocess.run([BIN / "ingest", "--kb", kb, ROOT / "runbooks"], check=False)
        if ingest.returncode != 0:
            fail(f"ingest ended with exit code {ingest.returncode}; its words are above")
        environment = {**os.environ, "RUNBOOKD_STATE": str(directory / "state")}
        command = [BIN / "runbookd", "serve", "--kb", kb, "--listen", f"{HOST}:{PORT}"]
        print(f"\nrunbookd serve --kb KB --listen {HOST}:{PORT}", flush=True)
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        print(f"ready after {wait_until_ready(server) * 1000:.0f} ms")
        for number, (what, language, message) in enumerate(QUESTIONS, start=1):
            print_answer(number, what, message, *ask(language, message))
        print(f"\n{'─' * 100}")
        if os.environ.get("DEMO_KEEP") == "1":
            print(f"the server stays at http://{HOST}:{PORT} until Ctrl-C", flush=True)
            server.wait()
    except KeyboardInterrupt:
        print("stopped")
    finally:
        if server and server.poll() is None:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
