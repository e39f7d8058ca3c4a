// Bun's own server for the conformance suite: echoes. Argument: "on" or "off", for permessage-deflate.

const isCompressed = process.argv[2] === "on";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    if (server.upgrade(request)) return;
    return new Response("WebSocket only\n", { status: 426 });
  },
  websocket: {
    maxPayloadLength: 64 * 1024 * 1024,
    backpressureLimit: 64 * 1024 * 1024,
    perMessageDeflate: isCompressed,
    message(ws, data) {
      ws.send(data, isCompressed);
    },
  },
});
console.log(`port ${server.port}`);
