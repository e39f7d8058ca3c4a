// Bun's own WebSocket as a client: bun bun_client.mjs <url of an echo with subprotocol "v1"> <url of the chat>
// Ends with 0 when luaws behaves as this client expects.

import assert from "node:assert/strict";

const [echoUrl, chatUrl] = process.argv.slice(2);
const LARGEST = Number(process.env.LARGEST); // bytes of a message

// An open connection; `next` is the next message or, as an array, the code and reason of the end.
async function open(url, options) {
  const ws = new WebSocket(url, options);
  const events = [], waiting = [];
  const push = (event) => waiting.length ? waiting.shift()(event) : events.push(event);
  ws.binaryType = "arraybuffer";
  ws.onmessage = ({ data }) => push(typeof data === "string" ? data : Buffer.from(data));
  ws.onclose = ({ code, reason }) => push([code, reason]);
  await new Promise((resolve, reject) => {
    ws.onopen = resolve;
    ws.onerror = ({ message }) => reject(new Error(message));
  });
  const next = () => events.length ? events.shift() : new Promise((resolve) => waiting.push(resolve));
  return { ws, next };
}

async function echo(path, extension) {
  const { ws, next } = await open(echoUrl + path, { protocols: path ? [] : ["v2", "v1"] });
  assert.equal(ws.protocol, path ? "" : "v1");
  assert.equal(ws.extensions.split(";")[0], extension);
  for (const text of ["", "hello", "grün \u{1f600}".repeat(300), "x".repeat(125), "y".repeat(LARGEST), "hello"]) {
    ws.send(text);
    assert.equal(await next(), text);
  }
  const bytes = Buffer.from(Array.from({ length: 70000 }, (_, i) => (i * i) % 251));
  ws.send(bytes);
  assert.deepEqual(await next(), bytes);
  for (let i = 0; i < 1000; i++) ws.send(String(i));
  for (let i = 0; i < 1000; i++) assert.equal(await next(), String(i));
  ws.close(4000, "bye");
  assert.deepEqual(await next(), [4000, "bye"]);
}

async function serverCloses() {
  const { ws, next } = await open(echoUrl);
  ws.send("close me");
  assert.deepEqual(await next(), [4321, "as you wish"]);
}

async function refusal() { // without a name
  await assert.rejects(open(chatUrl), /Expected 101/);
}

async function chat() {
  const ann = await open(chatUrl + "?name=Ann");
  assert.deepEqual(JSON.parse(await ann.next()), { type: "welcome", name: "Ann", people: ["Ann"] });
  ann.ws.send(JSON.stringify({ text: "hello" }));
  assert.deepEqual(JSON.parse(await ann.next()), { type: "message", name: "Ann", text: "hello" });
  ann.ws.close();
}

await echo("", "");
for (const path of ["/compressed", "/takeover", "/small"]) await echo(path, "permessage-deflate");
await serverCloses();
await refusal();
await chat();
console.log("ok");
process.exit();
