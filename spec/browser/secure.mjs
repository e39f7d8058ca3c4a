// The secrets of examples/secure.lua in headless Chromium, over https and wss: node spec/browser/secure.mjs

import assert from "node:assert/strict";
import { TIMEOUT, complaints, contrast, picture, runAll, startServer } from "./support.mjs";

let browser, server;
let contexts = [];

async function openPage(url, options = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true, permissions: ["clipboard-read", "clipboard-write"], viewport: { width: 640, height: 560 },
    ...options,
  });
  contexts.push(context);
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.sockets = [];
  page.on("pageerror", error => complaints.push(String(error)));
  page.on("console", message => { if (message.type() === "error") complaints.push(message.text()); });
  page.on("websocket", socket => page.sockets.push(socket.url()));
  await page.goto(url);
  await says(page, "Connected through TLS");
  return page;
}

const says = (page, text) => page.getByRole("status").getByText(text, { exact: true }).waitFor();

async function keep(page, text) {
  await page.getByLabel("What nobody else shall know").fill(text);
  await page.getByRole("button", { name: "Keep it" }).click();
  const link = page.getByLabel("The link to pass on");
  await link.waitFor();
  return link.inputValue();
}

const tests = {
  async "a secret goes over wss to who opens the link first, and to nobody else"() {
    const ann = await openPage(server.url);
    assert.match(server.url, /^https:/);
    assert.deepEqual(ann.sockets, [`wss://127.0.0.1:${server.port}/secrets`]);
    assert.ok(await ann.evaluate(() => window.isSecureContext));
    await picture(ann, "write");
    const secret = "the cat is called <b>Ada</b>\nand sleeps";
    const link = await keep(ann, secret);
    assert.ok(link.startsWith(`${server.url}#`), link);
    await picture(ann, "kept");
    const [ben, carl] = [await openPage(link), await openPage(link)];
    await ben.getByRole("button", { name: "Show it" }).click();
    await ben.locator("#secret").waitFor();
    assert.equal(await ben.locator("#secret").innerText(), secret);
    assert.equal(await ben.locator("#secret b").count(), 0);
    await picture(ben, "read");
    await says(ann, "It has been read");
    await carl.getByRole("button", { name: "Show it" }).click();
    await says(carl, "There is no such secret, or somebody has read it before you");
    assert.ok(await carl.locator("#secret").isHidden());
  },

  async "the link can be copied"() {
    const ann = await openPage(server.url);
    const link = await keep(ann, "copied");
    await ann.getByRole("button", { name: "Copy" }).click();
    await says(ann, "Copied");
    assert.equal(await ann.evaluate(() => navigator.clipboard.readText()), link);
  },

  async "it says so when the connection is gone"() {
    const ann = await openPage(server.url);
    const { port } = server;
    await server.stop();
    await says(ann, "Not connected any more: load the page again");
    assert.ok(await ann.getByRole("button", { name: "Keep it" }).isDisabled());
    server = await start(port);
  },

  async "everything is readable, in the light and in the dark"() {
    for (const colorScheme of ["light", "dark"]) {
      const ann = await openPage(server.url, { colorScheme });
      for (const selector of ["h1", "#write p", "#write label", "#write button", "#state"]) {
        const ratio = await contrast(ann.locator(selector).first());
        assert.ok(ratio >= 4.5, `${selector} in ${colorScheme} has a contrast of ${ratio.toFixed(2)}`);
      }
    }
  },

  async "a browser that is told nothing refuses the certificate that nobody has signed"() {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    await assert.rejects(page.goto(server.url), /ERR_CERT_AUTHORITY_INVALID/);
  },
};

const start = port => startServer("secure.lua", { port, args: ["--tls-self-signed"] });

await runAll(tests, {
  async begin(started) {
    browser = started;
    server = await start(0);
  },
  async end() {
    await Promise.all(contexts.map(context => context.close()));
    contexts = [];
    await server.stop();
  },
  log: () => server.log,
});
