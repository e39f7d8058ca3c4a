// npm's ws as a client: node ws.mjs <url of an echo with subprotocol "v1"> <url of the chat>
// Ends with 0 when luaws behaves as this client expects.

import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

const [echoUrl, chatUrl] = process.argv.slice(2);
const LARGEST = Number(process.env.LARGEST); // bytes of a message

// What has arrived and not been asked for yet, so that nothing is missed between two waits.
function inbox(ws) {
  const messages = [], waiting = [];
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    if (waiting.length) waiting.shift()(message);
    else messages.push(message);
  });
  return () => messages.length ? messages.shift() : new Promise(resolve => waiting.push(resolve));
}

async function open(url, protocols, options) {
  const ws = new WebSocket(url, protocols, options);
  const next = inbox(ws);
  await once(ws, "open");
  return { ws, next };
}

async function echo() {
  const { ws, next } = await open(echoUrl, ["v2", "v1"]);
  assert.equal(ws.protocol, "v1");
  for (const text of ["", "hello", "grün \u{1f600}", "x".repeat(125), "x".repeat(65536), "y".repeat(LARGEST)]) {
    ws.send(text);
    assert.equal(await next(), text);
  }
  const bytes = Buffer.from(Array.from({ length: 70000 }, (_, i) => i % 256));
  ws.send(bytes);
  assert.deepEqual(await next(), bytes);
  ws.send("frag", { fin: false });
  ws.send("mented", { fin: true });
  assert.equal(await next(), "fragmented");
  for (let i = 0; i < 1000; i++) ws.send(String(i));
  for (let i = 0; i < 1000; i++) assert.equal(await next(), String(i));
  ws.ping("data");
  assert.equal((await once(ws, "pong"))[0].toString(), "data");
  ws.close(4000, "bye");
  const [code, reason] = await once(ws, "close");
  assert.equal(code, 4000);
  assert.equal(reason.toString(), "bye");
}

async function serverCloses() {
  const { ws } = await open(echoUrl);
  ws.send("close me");
  const [code, reason] = await once(ws, "close");
  assert.equal(code, 4321);
  assert.equal(reason.toString(), "as you wish");
}

async function compressionIsDeclined() {
  const { ws, next } = await open(echoUrl, [], { perMessageDeflate: true });
  assert.equal(ws.extensions, "");
  ws.send("plain");
  assert.equal(await next(), "plain");
  ws.close();
  await once(ws, "close");
}

// What is sent is compressed from 0 bytes on, what comes back as the server decides.
async function compression() {
  const random = Buffer.from(Array.from({ length: 30000 }, () => Math.random() * 256));
  const offers = [
    { threshold: 0 },
    { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true },
    { threshold: 0, clientMaxWindowBits: 10, serverMaxWindowBits: 9 },
  ];
  for (const path of ["/compressed", "/takeover", "/small"]) {
    for (const perMessageDeflate of offers) {
      const { ws, next } = await open(echoUrl + path, [], { perMessageDeflate });
      assert.equal(ws.extensions, "permessage-deflate");
      for (const text of ["", "a", "", "hello", "grün \u{1f600}".repeat(300), "x".repeat(LARGEST), "hello"]) {
        ws.send(text);
        assert.equal(await next(), text);
      }
      for (const bytes of [random, random.subarray(0, 10), random]) {
        ws.send(bytes);
        assert.deepEqual(await next(), bytes);
      }
      ws.send("frag".repeat(1000), { fin: false });
      ws.send("mented", { fin: true });
      assert.equal(await next(), "frag".repeat(1000) + "mented");
      ws.close(1000);
      const [code] = await once(ws, "close");
      assert.equal(code, 1000);
    }
  }
}

async function refusal() {
  const ws = new WebSocket(chatUrl); // without a name
  ws.on("error", () => {});
  const [, response] = await once(ws, "unexpected-response");
  assert.equal(response.statusCode, 400);
  response.destroy();
}

async function chat() {
  const ann = await open(chatUrl + "?name=Ann");
  assert.deepEqual(JSON.parse(await ann.next()), { type: "welcome", name: "Ann", people: ["Ann"] });
  const ben = await open(chatUrl + "?name=Ben");
  assert.deepEqual(JSON.parse(await ben.next()), { type: "welcome", name: "Ben", people: ["Ann", "Ben"] });
  assert.deepEqual(JSON.parse(await ann.next()), { type: "join", name: "Ben", people: ["Ann", "Ben"] });
  ben.ws.send(JSON.stringify({ text: " hello <b>Ann</b> " }));
  const said = { type: "message", name: "Ben", text: "hello <b>Ann</b>" };
  assert.deepEqual(JSON.parse(await ann.next()), said);
  assert.deepEqual(JSON.parse(await ben.next()), said);
  ben.ws.close();
  assert.deepEqual(JSON.parse(await ann.next()), { type: "leave", name: "Ben", people: ["Ann"] });
  ann.ws.terminate();
}

await echo();
await serverCloses();
await compressionIsDeclined();
await compression();
await refusal();
await chat();
console.log("ok");
