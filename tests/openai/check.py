"""OpenAI's own client asks `runbookd serve` over `runbooks/`, whole and streaming. `run.sh` starts this."""

import asyncio
import os
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import openai
from model import BEGIN, Model

ROOT = Path(__file__).resolve().parent.parent.parent
READY_WITHIN_S = 60
OOM = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt say="
CHECKED = BEGIN + "1. Look [1]\n2. See this [1]\nSources: [1] "


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = cls.enterClassContext(tempfile.TemporaryDirectory())
        kb, address = Path(scratch) / "kb", f"127.0.0.1:{free_port()}"
        embedder = ["--embedder", "hashed"]
        ingest = [os.environ["INGEST_BIN"], "--kb", kb, *embedder, ROOT / "runbooks"]
        subprocess.run(ingest, check=True, capture_output=True, timeout=120)
        cls.model = Model()
        environment = {
            "HOME": scratch,
            "RUNBOOKD_STATE": "none",
            "RUNBOOKD_LLM_BASE_URL": cls.model.base_url,
            "RUNBOOKD_LLM_MODEL": "scripted",
            "RUNBOOKD_TOKEN": "t0ken",
        }
        serve = [os.environ["RUNBOOKD_BIN"], "serve", "--kb", kb, "--listen", address, *embedder]
        server = subprocess.Popen(serve, env=environment, cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.terminate)
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                urllib.request.urlopen(f"http://{address}/readyz", timeout=5).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        cls.settings = {"base_url": f"http://{address}/v1", "api_key": "t0ken", "max_retries": 0, "timeout": 60}
        cls.client = cls.enterClassContext(openai.OpenAI(**cls.settings))

    def chat(self, says, client=None, **more):
        messages = [{"role": "user", "content": OOM + says}]
        return (client or self.client).chat.completions.create(model="runbooks", messages=messages, **more)

    def test_whole_answers(self):
        reply = self.chat("whole")
        choice = reply.choices[0]
        self.assertTrue(choice.message.content.startswith(CHECKED), choice.message.content)
        self.assertEqual((choice.finish_reason, reply.model), ("stop", "scripted-1"))
        self.assertEqual(reply.model_extra["runbookd"]["answered_by"], "llm")
        reply = self.client.completions.create(model="runbooks", prompt=OOM + "completion")
        self.assertTrue(reply.choices[0].text.startswith(CHECKED), reply.choices[0].text)

    def test_a_block_arrives_while_the_model_still_writes(self):
        texts, chunks = [], []
        with self.chat("wait", stream=True, stream_options={"include_usage": True}) as stream:
            for chunk in stream:
                chunks.append(chunk)
                text = chunk.choices[0].delta.content if chunk.choices else None
                if text:
                    texts.append(text)
                    # The model goes on only now: what came was not waiting for the rest.
                    self.model.go_on.set()
        self.assertEqual(texts[0], BEGIN.strip())
        self.assertTrue("".join(texts).startswith(CHECKED), texts)
        self.assertEqual({(chunk.id, chunk.created, chunk.model) for chunk in chunks},
                         {(chunks[0].id, chunks[0].created, "scripted-1")})
        *chunks, counted = chunks
        self.assertEqual([chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason], ["stop"])
        last = chunks[-1].model_extra["runbookd"]
        self.assertEqual((last["status"], last["degraded"]), ("answered", None))
        self.assertEqual(last["citations"][0]["document"], "runbooks/runbooks/pod-oom-killed.md")
        self.assertEqual((counted.choices, counted.usage), ([], None), "nothing was counted")
        self.assertEqual([chunk.usage for chunk in chunks if chunk.usage], [])

    def test_models_are_listed(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["runbookd"])

    def test_the_older_form_streams_too(self):
        stream = self.client.completions.create(model="runbooks", prompt=OOM + "text", stream=True)
        chunks = list(stream)
        text = "".join(chunk.choices[0].text for chunk in chunks)
        self.assertTrue(text.startswith(CHECKED), text)
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

    def test_the_asynchronous_client(self):
        async def read():
            async with openai.AsyncOpenAI(**self.settings) as client:
                stream = await self.chat("asynchronous", client, stream=True)
                return [chunk.choices[0].delta.content or "" async for chunk in stream]

        self.assertTrue("".join(asyncio.run(read())).startswith(CHECKED))

    def test_an_answer_that_breaks_off_is_an_error(self):
        texts = []
        with self.assertRaises(openai.APIError) as raised:
            for chunk in self.chat("cut", stream=True):
                texts.append(chunk.choices[0].delta.content or "")
        self.assertEqual("".join(texts), BEGIN.strip())
        self.assertEqual(raised.exception.code, "llm_cut")

    def test_our_own_mistakes_are_errors(self):
        with self.assertRaises(openai.InternalServerError) as raised:
            self.chat("refuse")
        self.assertEqual(raised.exception.status_code, 502)
        with self.assertRaises(openai.APIError) as raised:
            list(self.chat("refuse", stream=True))
        self.assertEqual(raised.exception.code, "llm_unauthorized")
        self.assertNotIn("sk-canary", str(raised.exception))

    def test_a_wrong_token_is_refused(self):
        with openai.OpenAI(**{**self.settings, "api_key": "wrong"}) as client:
            with self.assertRaises(openai.AuthenticationError):
                self.chat("whole", client, stream=True)


if __name__ == "__main__":
    unittest.main()
