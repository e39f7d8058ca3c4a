"""Debian's python3-websockets as a client: websockets_client.py <url of an echo with subprotocol "v1"> <url of the chat>

Ends with 0 when luaws behaves as this client expects.
"""

import asyncio
import json
import os
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

echo_url, chat_url = sys.argv[1:]
LARGEST = int(os.environ["LARGEST"])  # bytes of a message


async def echo():
    async with websockets.connect(echo_url, subprotocols=["v2", "v1"], max_size=None) as ws:
        assert ws.subprotocol == "v1", ws.subprotocol
        for text in ["", "hello", "grün \U0001f600", "x" * 125, "x" * 65536, "y" * LARGEST]:
            await ws.send(text)
            assert await ws.recv() == text
        data = bytes(range(256)) * 300
        await ws.send(data)
        assert await ws.recv() == data
        await ws.send(["frag", "ment", "ed"])
        assert await ws.recv() == "fragmented"
        for i in range(1000):
            await ws.send(str(i))
        for i in range(1000):
            assert await ws.recv() == str(i)
        await (await ws.ping("data"))
        await ws.close(4000, "bye")
        assert (ws.close_code, ws.close_reason) == (4000, "bye"), (ws.close_code, ws.close_reason)


async def server_closes():
    async with websockets.connect(echo_url) as ws:
        await ws.send("close me")
        try:
            await ws.recv()
        except websockets.exceptions.ConnectionClosed:
            pass
        assert (ws.close_code, ws.close_reason) == (4321, "as you wish"), (ws.close_code, ws.close_reason)


async def compression():
    small = [ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=10)]
    fresh = [ClientPerMessageDeflateFactory(True, True)]
    noise = os.urandom(30000)
    for path in ["/compressed", "/takeover", "/small"]:
        for extensions in [None, small, fresh]:
            async with websockets.connect(echo_url + path, extensions=extensions, max_size=None) as ws:
                assert [e.name for e in ws.extensions] == ["permessage-deflate"], ws.extensions
                for data in ["", "a", "", "grün \U0001f600" * 300, "x" * LARGEST, noise, noise[:10], noise, "a"]:
                    await ws.send(data)
                    assert await ws.recv() == data
                await ws.send(["frag" * 1000, "ment", "ed"])
                assert await ws.recv() == "frag" * 1000 + "mented"


async def refusal():
    try:
        async with websockets.connect(chat_url):
            raise AssertionError("a client without a name must be refused")
    except websockets.exceptions.InvalidHandshake as refused:
        assert "400" in str(refused), refused


async def chat():
    async with websockets.connect(chat_url + "?name=Ann") as ann:
        assert json.loads(await ann.recv()) == {"type": "welcome", "name": "Ann", "people": ["Ann"]}
        async with websockets.connect(chat_url + "?name=Ben") as ben:
            assert json.loads(await ben.recv())["people"] == ["Ann", "Ben"]
            assert json.loads(await ann.recv()) == {"type": "join", "name": "Ben", "people": ["Ann", "Ben"]}
            await ben.send(json.dumps({"text": "hello"}))
            said = {"type": "message", "name": "Ben", "text": "hello"}
            assert json.loads(await ann.recv()) == said
            assert json.loads(await ben.recv()) == said
        assert json.loads(await ann.recv()) == {"type": "leave", "name": "Ben", "people": ["Ann"]}


async def main():
    await echo()
    await server_closes()
    await compression()
    await refusal()
    await chat()
    print("ok")


asyncio.run(asyncio.wait_for(main(), 60))
