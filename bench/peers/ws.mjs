// npm's ws, as its documentation says it is fastest: without compression, with its native addon
// for masks (bufferutil, used when it is installed). Argument: what it does with a message, one of
// `modes` (echo); it knows no broadcast but the loop.

import { WebSocket, WebSocketServer } from "ws";

const mode = process.argv[2] ?? "echo";
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });

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
server.on("listening", () => console.log(`port ${server.address().port}`));
