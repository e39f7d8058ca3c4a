// A page served with --watch refreshes itself in headless Chromium: node spec/browser/refresh.mjs

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile, copyFile, cp, rename } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { ROOT, TIMEOUT, complaints, picture, runAll, startServer } from "./support.mjs";

let server, folder, context;

const pagePath = name => path.join(folder, "chat", name);

// A copy of the chat whose page is `html`, or its own.
async function start(html, port = 0) {
  server = await startServer(path.join(folder, "chat.lua"), { port, args: ["--watch"] });
  if (html) await writeFile(pagePath("index.html"), html);
}

// A page that has begun to listen.
async function openPage() {
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.on("pageerror", error => complaints.push(String(error)));
  const listening = page.waitForEvent("websocket", socket => socket.url().endsWith("/.luaws/refresh"));
  await page.goto(server.url);
  const socket = await listening;
  assert.equal(socket.url(), `ws://127.0.0.1:${server.port}/.luaws/refresh`);
  return page;
}

const shows = (page, text) => page.getByText(text, { exact: true }).waitFor();

// Writes until the page shows it: a save that comes before the page listens is not told.
async function saveUntilShown(page, write, text) {
  for (let i = 0; i < 20; i++) {
    await write();
    const shown = await page.getByText(text, { exact: true }).waitFor({ timeout: 1000 }).then(() => true, () => false);
    if (shown) return;
  }
  assert.fail(`the page has never shown ${text}`);
}

const tests = {
  async "when it is saved, and when it is put in place"() {
    await start("<!doctype html><h1>One</h1>");
    const page = await openPage();
    await shows(page, "One");
    await picture(page, "one");
    await saveUntilShown(page, () => writeFile(pagePath("index.html"), "<h1>Two</h1>"), "Two");
    await saveUntilShown(page, async () => {
      await writeFile(pagePath(".new"), "<h1>Three</h1>");
      await rename(pagePath(".new"), pagePath("index.html"));
    }, "Three");
    await picture(page, "three");
  },

  async "when another file of its is saved"() {
    await start('<!doctype html><link rel="stylesheet" href="page.css"><h1>Red</h1>');
    await writeFile(pagePath("page.css"), "h1 { color: rgb(255, 0, 0) }");
    const page = await openPage();
    const colour = () => page.locator("h1").evaluate(h1 => getComputedStyle(h1).color);
    for (let i = 0; i < 50 && await colour().catch(() => "") !== "rgb(0, 128, 0)"; i++) {
      await writeFile(pagePath("page.css"), "h1 { color: rgb(0, 128, 0) }");
      await page.waitForTimeout(300);
    }
    assert.equal(await colour(), "rgb(0, 128, 0)");
    await picture(page, "green");
  },

  async "when luaws is back"() {
    await start("<!doctype html><h1>Before</h1>");
    const page = await openPage();
    await shows(page, "Before");
    const { port } = server;
    await server.stop();
    await start("<!doctype html><h1>After</h1>", port);
    await shows(page, "After");
  },

  async "and the chat goes on as it is"() {
    await start();
    const page = await openPage();
    await page.getByLabel("Your name").fill("Ann");
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByText("Connected as Ann").waitFor(); // before that, nothing is sent
    await page.getByRole("textbox", { name: "Message" }).fill("hello");
    await page.keyboard.press("Enter");
    await shows(page, "hello");
    await picture(page, "chat");
  },
};

await runAll(tests, {
  async begin(browser) {
    folder = await mkdtemp(path.join(os.tmpdir(), "luaws-refresh-"));
    await copyFile(path.join(ROOT, "examples/chat.lua"), path.join(folder, "chat.lua"));
    await cp(path.join(ROOT, "examples/chat"), path.join(folder, "chat"), { recursive: true });
    context = await browser.newContext({ viewport: { width: 640, height: 480 } });
  },
  async end() {
    await context.close();
    await server.stop().finally(() => rm(folder, { recursive: true }));
  },
  log: () => server.log,
});
