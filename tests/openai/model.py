"""A language model that says what the question tells it to: `say=NAME` in the failure chooses one of `SAYS`."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEGIN, END = "The kernel killed it [1].\n\n", "1. Look [1]\n2. See [this](https://evil.example/x) [1]\n"


class Model(ThreadingHTTPServer):
    """Listens on a free port of this machine. `go_on` lets a reply that waits for it go on."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.go_on = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        says = re.search(r"say=(\w+)", request["messages"][-1]["content"].split("BEGIN FAILURE")[-1]).group(1)
        if says == "refuse":
            return self.reply(401, "application/json", json.dumps({"error": {"message": "Incorrect API key sk-canary"}}))
        if not request["stream"]:
            choice = {"index": 0, "message": {"role": "assistant", "content": BEGIN + END}, "finish_reason": "stop"}
            return self.reply(200, "application/json", json.dumps({"id": "c", "model": "scripted-1", "choices": [choice]}))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.chunk({"role": "assistant", "content": ""})
        self.words(BEGIN)
        if says == "wait" and not self.server.go_on.wait(60):
            return
        self.words(END[:10])
        if says == "cut":
            return
        self.words(END[10:])
        self.chunk({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def words(self, text):
        for word in re.findall(r"\S+\s*|\s+", text):
            self.chunk({"content": word})

    def chunk(self, delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c", "object": "chat.completion.chunk", "model": "scripted-1", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def reply(self, status, content_type, body):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
