"""Debian's python3-websockets as a server for client.lua: websockets_server.py <"on" or "off"> [<certificate> <key>]"""

import asyncio
import http
import logging
import ssl
import sys

import websockets

# That a client is refused is what it asks for.
logging.getLogger("websockets").setLevel(logging.CRITICAL)

compression = "deflate" if sys.argv[1] == "on" else None
secure = None
if len(sys.argv) > 2:
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(sys.argv[2], sys.argv[3])


async def process_request(path, headers):
    if not path.startswith("/echo"):
        return http.HTTPStatus.FORBIDDEN, [], b"no\n"


async def echo(connection, path=None):
    async for message in connection:
        if message == "close me":
            await connection.close(4321, "as you wish")
        elif message == "drop me":
            connection.transport.abort()
        elif message == "ping me":
            await (await connection.ping("data"))
            await connection.send("pong")
        elif message == "headers":
            headers = connection.request_headers
            await connection.send(f"{headers['X-Token']} {headers['Cookie']}")
        else:
            await connection.send(message)


async def main():
    async with websockets.serve(
        echo, "127.0.0.1", 0, max_size=8 * 1024 * 1024, compression=compression, ssl=secure,
        subprotocols=["v1"], process_request=process_request,
    ) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
