// Bun's own server with its default options, which leave compression off. Argument: echo (the
// default), broadcast (its publish to a topic) or foreach (a loop over the sockets).

const mode = process.argv[2] ?? "echo";
const sockets = new Set();

const modes = {
  echo: {
    message(ws, data) {
      ws.send(data);
    },
  },
  broadcast: {
    open(ws) {
      ws.subscribe("all");
    },
    message(ws, data) {
      server.publish("all", data);
    },
  },
  foreach: {
    open(ws) {
      sockets.add(ws);
    },
    message(ws, data) {
      for (const socket of sockets) socket.send(data);
    },
    close(ws) {
      sockets.delete(ws);
    },
  },
};

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    if (server.upgrade(request)) return;
    return new Response("WebSocket only\n", { status: 426 });
  },
  websocket: modes[mode],
});
console.log(`port ${server.port}`);
