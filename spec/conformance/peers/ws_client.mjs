// npm's ws as a client for the conformance suite (clients.lua): connects where stdin says, and echoes. Arguments: "on"
// or "off", for permessage-deflate; a certificate to trust.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const [compression, ca] = process.argv.slice(2);
const options = {
  perMessageDeflate: compression === "on",
  maxPayload: 64 * 1024 * 1024,
  maxFragments: 131072,
  ca: ca && readFileSync(ca),
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const [id, url, protocols] = line.split(" ");
  const ws = new WebSocket(url, protocols ? protocols.split(",") : [], options);
  ws.on("open", () => console.log(`${id} open ${ws.protocol}`));
  ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
  ws.on("error", (error) => console.log(`${id} error ${error.message.replace(/\s+/g, " ")}`));
  ws.on("close", (code) => console.log(`${id} end ${code}`));
}).on("close", () => process.exit());
