// Bun as a server for client.lua: bun bun_server.mjs <"on" or "off"> [<certificate> <key>]

const [compression, cert, key] = process.argv.slice(2);
const isCompressed = compression === "on";

const commands = {
  "close me": (ws) => ws.close(4321, "as you wish"),
  "drop me": (ws) => ws.terminate(),
  "ping me": (ws) => ws.ping("data"),
  headers: (ws) => ws.send(ws.data),
};

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls: cert && { cert: Bun.file(cert), key: Bun.file(key) },
  fetch(request, server) {
    const { headers } = request;
    if (!new URL(request.url).pathname.startsWith("/echo")) return new Response("no\n", { status: 403 });
    const isOffered = (headers.get("sec-websocket-protocol") ?? "").split(/, */).includes("v1");
    server.upgrade(request, {
      headers: isOffered ? { "Sec-WebSocket-Protocol": "v1" } : {},
      data: `${headers.get("x-token")} ${headers.get("cookie")}`,
    });
  },
  websocket: {
    maxPayloadLength: 8 * 1024 * 1024,
    backpressureLimit: 64 * 1024 * 1024,
    perMessageDeflate: isCompressed,
    pong: (ws, data) => data.toString() === "data" && ws.send("pong"),
    message(ws, data) {
      const command = typeof data === "string" && commands[data];
      if (command) command(ws);
      else ws.send(data, isCompressed);
    },
  },
});
console.log(`port ${server.port}`);
