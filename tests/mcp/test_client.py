"""Calls every tool of a running `runbookd serve` as an agent would, with the protocol's official Python client.

RUNBOOKD_MCP_URL is the address of /mcp, RUNBOOKD_TOKEN the token that it takes; it serves the sample documents.
"""

import json
import os
import unittest
from contextlib import asynccontextmanager

from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

URL = os.environ["RUNBOOKD_MCP_URL"]
TOKEN = os.environ["RUNBOOKD_TOKEN"]
OOM = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt"
OOM_PAGE = "runbooks/runbooks/pod-oom-killed.md"


@asynccontextmanager
async def agent(mode="auto", token=TOKEN, query=""):
    """A connection; `legacy` greets with `initialize`, as clients before 2026-07-28 do."""
    async with create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http:
        async with Client(streamable_http_client(URL + query, http_client=http), mode=mode) as client:
            yield client


async def answer(client, tool, **arguments):
    """The JSON of a call's one text, which must succeed."""
    result = await client.call_tool(tool, arguments)
    [item] = result.content
    assert not result.is_error, item.text
    value = json.loads(item.text)
    assert result.structured_content in (None, value)
    return value


class AgentTest(unittest.IsolatedAsyncioTestCase):
    async def test_tools_are_listed_as_read_only(self):
        for mode in ["legacy", "auto"]:
            async with agent(mode) as client:
                tools = (await client.list_tools()).tools
                self.assertEqual([tool.name for tool in tools], ["search", "fetch", "ask", "query_documentation"])
                for tool in tools:
                    self.assertTrue(tool.annotations.read_only_hint, tool.name)
                    self.assertFalse(tool.annotations.open_world_hint, tool.name)

    async def test_every_tool_answers(self):
        for mode in ["legacy", "auto"]:
            async with agent(mode) as client:
                found = (await answer(client, "search", query=OOM))["results"]
                self.assertEqual(found[0]["id"], OOM_PAGE)
                self.assertEqual(set(found[0]), {"id", "title", "url"})
                page = await answer(client, "fetch", id=found[0]["id"])
                self.assertEqual(set(page), {"id", "title", "text", "url", "metadata"})
                self.assertIn("## Mitigation", page["text"])
                answered = await answer(client, "ask", question=OOM)
                self.assertEqual(answered["status"], "answered")
                self.assertEqual(answered["citations"][0]["document"], OOM_PAGE)
                unknown = await answer(client, "ask", question="Where do penguins sleep at night?")
                self.assertEqual(unknown["status"], "unknown")
                passages = (await answer(client, "query_documentation", queryText=OOM, limit=3))["passages"]
                self.assertEqual(len(passages), 3)
                self.assertIn("OOMKilled", "".join(passage["text"] for passage in passages))

    async def test_the_address_gives_the_scope(self):
        async with agent(query="?kind=sop") as client:
            for result in (await answer(client, "search", query=OOM))["results"]:
                self.assertEqual((await answer(client, "fetch", id=result["id"]))["metadata"]["kind"], "sop")

    async def test_wrong_arguments_are_told(self):
        async with agent() as client:
            for tool, arguments in [
                ("search", {}),
                ("search", {"query": ""}),
                ("fetch", {"id": "no/such.md"}),
                ("ask", {"question": 5}),
                ("query_documentation", {"queryText": "a", "limit": 1000}),
            ]:
                result = await client.call_tool(tool, arguments)
                self.assertTrue(result.is_error, tool)
                self.assertTrue(result.content[0].text, tool)
            self.assertTrue((await answer(client, "search", query=OOM))["results"])

    async def test_a_wrong_token_is_refused(self):
        for mode in ["legacy", "auto"]:
            with self.assertRaises(ExceptionGroup):
                async with agent(mode, token="wrong") as client:
                    await client.list_tools()
        # The client does not say what the server replied.
        async with create_mcp_http_client(headers={"Authorization": "Bearer wrong"}) as http:
            reply = await http.post(URL, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            self.assertEqual(reply.status_code, 401)


if __name__ == "__main__":
    unittest.main()
