// npm's ws, as its documentation says it is fastest: without compression, with its native addon
// for masks (bufferutil, used when it is installed). Argument: echo (the default), or broadcast or
// foreach: it knows only the loop.

import { WebSocket, WebSocketServer } from "ws";

const mode = process.argv[2] ?? "echo";
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });

function echo(data, isBinary) {
  this.send(data, { binary: isBinary });
}

function broadcast(data, isBinary) {
  for (const client of server.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
  }
}

server.on("connection", (ws) => {
  ws.on("message", mode === "echo" ? echo : broadcast);
  ws.on("error", (error) => console.error(error.message));
});
server.on("listening", () => console.log(`port ${server.address().port}`));
