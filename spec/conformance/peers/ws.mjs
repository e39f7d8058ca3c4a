// npm's ws for the conformance suite: echoes. Argument: "on" or "off", for permessage-deflate.

import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  maxPayload: 64 * 1024 * 1024,
  maxFragments: 131072,
  perMessageDeflate: process.argv[2] === "on",
});

server.on("connection", (ws) => {
  ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
  ws.on("error", () => {}); // what clients do wrong is what the suite is about
});
server.on("listening", () => console.log(`port ${server.address().port}`));
