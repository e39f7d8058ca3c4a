// npm's ws, as its documentation says it is fastest: without compression, with its native addon
// for masks (bufferutil, used when it is installed); over TLS where TLS_CERT and TLS_KEY name files.
// Argument: what it does with a message, one of `modes` (echo); it knows no broadcast but the loop.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { WebSocket, WebSocketServer } from "ws";

const mode = process.argv[2] ?? "echo";
const { TLS_CERT, TLS_KEY } = process.env;
const web = TLS_CERT
  ? createSecureServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) })
  : createServer();
const server = new WebSocketServer({ server: web, perMessageDeflate: false });

function echo(data, isBinary) {
  this.send(data, { binary: isBinary });
}

function echoJson(data) {
  this.send(JSON.stringify(JSON.parse(data)));
}

function broadcast(data, isBinary) {
  for (const client of server.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
  }
}

const modes = { echo, idle: echo, json: echoJson, broadcast, foreach: broadcast };

server.on("connection", (ws) => {
  ws.on("message", modes[mode]);
  ws.on("error", (error) => console.error(error.message));
});
web.listen(0, "127.0.0.1", () => console.log(`port ${web.address().port}`));
