// Bun's own server with its default options, which leave compression off; over TLS where TLS_CERT and
// TLS_KEY name files. Argument: what it does
// with a message, one of `modes` (echo). broadcast and publish are both its publish to a topic,
// foreach is a loop over the sockets.

const ROUNDS = 10000;
const CALIBRATION = 200; // ms, in which the loop is compiled as well

const mode = process.argv[2] ?? "echo";
const sockets = new Set();

const echo = {
  message(ws, data) {
    ws.send(data);
  },
};

const toTopic = {
  open(ws) {
    ws.subscribe("all");
  },
  message(ws, data) {
    server.publish("all", data);
  },
};

let result = 0; // used, so that no compiler leaves the computing out

function compute(rounds) {
  let x = 1;
  for (let i = 0; i < rounds; i++) x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
  result = x;
}

// How many rounds take a millisecond: by the quickest of many tries, since others may have had the
// core during some.
function roundsPerMillisecond() {
  const begin = performance.now();
  let quickest = Infinity;
  do {
    const from = performance.now();
    compute(ROUNDS);
    quickest = Math.min(quickest, performance.now() - from);
  } while (performance.now() - begin < CALIBRATION);
  return Math.floor(ROUNDS / quickest);
}

// Echoes, and what comes to /work only after so many milliseconds of computing.
function working(milliseconds) {
  const rounds = roundsPerMillisecond() * milliseconds;
  return {
    message(ws, data) {
      if (ws.data.isWork) compute(rounds);
      ws.send(data);
    },
  };
}

const modes = {
  echo: () => echo,
  idle: () => echo,
  json: () => ({
    message(ws, data) {
      ws.send(JSON.stringify(JSON.parse(data)));
    },
  }),
  broadcast: () => toTopic,
  publish: () => toTopic,
  foreach: () => ({
    open(ws) {
      sockets.add(ws);
    },
    message(ws, data) {
      for (const socket of sockets) socket.send(data);
    },
    close(ws) {
      sockets.delete(ws);
    },
  }),
  work: () => working(1),
  stall: () => working(100),
};

const hasPaths = mode === "work" || mode === "stall";

const { TLS_CERT, TLS_KEY } = process.env;
const tls = TLS_CERT ? { cert: Bun.file(TLS_CERT), key: Bun.file(TLS_KEY) } : undefined;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls,
  fetch(request, server) {
    const options = hasPaths
      ? { data: { isWork: new URL(request.url).pathname === "/work" } }
      : undefined;
    if (server.upgrade(request, options)) return;
    return new Response("WebSocket only\n", { status: 426 });
  },
  websocket: modes[mode](),
});
console.log(`port ${server.port}`);
