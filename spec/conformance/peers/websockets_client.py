"""Python's websockets as a client for the conformance suite (clients.lua): connects where stdin says, and echoes.

Arguments: "on" or "off", for permessage-deflate; a certificate to trust.
"""

import asyncio
import logging
import ssl
import sys

import websockets

# What servers do wrong is what the suite is about.
logging.getLogger("websockets").setLevel(logging.CRITICAL)

options = {
    "compression": "deflate" if sys.argv[1] == "on" else None,
    "max_size": 64 * 1024 * 1024,
    "max_queue": None,
    "ping_interval": None,
}
secure = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None


def tell(*words):
    print(*words, flush=True)


async def echo(number, url, protocols=None):
    try:
        context = secure if url.startswith("wss") else None
        subprotocols = protocols.split(",") if protocols else None
        connection = await websockets.connect(url, subprotocols=subprotocols, ssl=context, **options)
    except Exception as error:
        tell(number, "error", " ".join(str(error).split()))
        tell(number, "end", 1006)
        return
    tell(number, "open", connection.subprotocol or "")
    try:
        async for message in connection:
            await connection.send(message)
    except websockets.ConnectionClosed:
        pass
    await connection.wait_closed()
    tell(number, "end", connection.close_code)


async def main():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        tasks.add(asyncio.create_task(echo(*line.decode().split())))


asyncio.run(main())
