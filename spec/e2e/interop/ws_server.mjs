// npm's ws as a server for client.lua: node ws_server.mjs <"on" or "off"> [<certificate> <key>]

import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { WebSocketServer } from "ws";

const [compression, cert, key] = process.argv.slice(2);

const server = cert
  ? https.createServer({ cert: readFileSync(cert), key: readFileSync(key) })
  : http.createServer();
const wss = new WebSocketServer({
  server,
  maxPayload: 8 * 1024 * 1024,
  perMessageDeflate: compression === "on" && { threshold: 0 },
  verifyClient: ({ req }, done) => done(req.url.startsWith("/echo"), 403),
  handleProtocols: (protocols) => (protocols.has("v1") ? "v1" : false),
});

wss.on("connection", (ws, request) => {
  const commands = {
    "close me": () => ws.close(4321, "as you wish"),
    "drop me": () => ws.terminate(),
    "ping me": () => {
      ws.once("pong", (data) => data.toString() === "data" && ws.send("pong"));
      ws.ping("data");
    },
    headers: () => ws.send(`${request.headers["x-token"]} ${request.headers.cookie}`),
  };
  ws.on("message", (data, isBinary) => {
    const command = !isBinary && commands[data.toString()];
    if (command) command();
    else ws.send(data, { binary: isBinary });
  });
  ws.on("error", (error) => console.error(error));
});
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
