// Bun's own client for the conformance suite (clients.lua): connects where stdin says, and echoes. Arguments: "on" or
// "off", for permessage-deflate; a certificate to trust.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [compression, ca] = process.argv.slice(2);
const options = {
  perMessageDeflate: compression === "on",
  tls: ca ? { ca: readFileSync(ca) } : undefined,
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const [id, url, protocols] = line.split(" ");
  const ws = new WebSocket(url, { ...options, protocols: protocols ? protocols.split(",") : [] });
  ws.binaryType = "arraybuffer";
  ws.onopen = () => console.log(`${id} open ${ws.protocol}`);
  ws.onmessage = (event) => ws.send(event.data);
  ws.onerror = (event) => console.log(`${id} error ${String(event.message).replace(/\s+/g, " ")}`);
  ws.onclose = (event) => console.log(`${id} end ${event.code}`);
}).on("close", () => process.exit());
