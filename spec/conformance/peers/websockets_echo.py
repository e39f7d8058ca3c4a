"""Python's websockets for the conformance suite: echoes. Argument: "on" or "off", for permessage-deflate."""

import asyncio
import logging
import sys

import websockets

# What clients do wrong is what the suite is about.
logging.getLogger("websockets").setLevel(logging.CRITICAL)


async def echo(connection, path=None):
    async for message in connection:
        await connection.send(message)


async def main():
    compression = "deflate" if sys.argv[1] == "on" else None
    async with websockets.serve(
        echo, "127.0.0.1", 0, max_size=64 * 1024 * 1024, compression=compression
    ) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
