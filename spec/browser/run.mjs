// The chat of examples/chat.lua in headless Chromium: node spec/browser/run.mjs
//
// With UPDATE_SCREENSHOT=1 it also writes docs/chat.png. The last line is "N passed, N failed".

import assert from "node:assert/strict";
import path from "node:path";
import { ROOT, TIMEOUT, complaints, contrast, runAll, startServer } from "./support.mjs";

const start = (port = 0) => startServer("chat.lua", { port });

// ---- pages

const DESKTOP = { viewport: { width: 820, height: 600 } };
const PHONE = {
  viewport: { width: 390, height: 720 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2,
};

let browser, server;
let pages = [];

async function closePages() {
  await Promise.all(pages.map(page => page.context().close()));
  pages = [];
}

// A page in a browser window of its own. Errors in it, and requests to anywhere else, are complaints.
async function openPage(name, options = DESKTOP) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.on("pageerror", error => complaints.push(String(error)));
  page.on("request", request => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "data:" && host !== `127.0.0.1:${server.port}`) complaints.push(request.url());
  });
  pages.push(page);
  await page.goto(server.url);
  if (name) await join(page, name);
  return page;
}

async function join(page, name) {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join" }).click();
  await connected(page);
}

const state = page => page.getByRole("status");
const log = page => page.getByRole("log");
const connected = page => page.locator("#state[data-state=connected]").waitFor();
const sees = (page, text) => log(page).getByText(text, { exact: true }).first().waitFor();
const listed = page => page.locator("#people li").allTextContents();

async function say(page, text) {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
}

// ---- what is looked at

const tests = {
  async "two pages see each other's messages"() {
    const [ann, ben] = [await openPage("Ann"), await openPage("Ben")];
    await say(ann, "Hello, Ben!");
    await sees(ben, "Hello, Ben!");
    await sees(ann, "Hello, Ben!");
    await say(ben, "Hello, Ann!");
    await sees(ann, "Hello, Ann!");
    assert.equal(await log(ann).locator(".mine .text").innerText(), "Hello, Ben!");
    assert.equal(await log(ann).locator(".name", { hasText: "Ben" }).innerText(), "Ben");
    assert.equal(await ann.getByRole("textbox", { name: "Message" }).inputValue(), "");
  },

  async "who joins and leaves is told, and listed"() {
    const ann = await openPage("Ann");
    assert.deepEqual(await listed(ann), ["Ann (you)"]);
    const ben = await openPage("Ben");
    await sees(ann, "Ben joined");
    assert.deepEqual(await listed(ann), ["Ann (you)", "Ben"]);
    assert.deepEqual(await listed(ben), ["Ann", "Ben (you)"]);
    await ben.context().close();
    await sees(ann, "Ben left");
    assert.deepEqual(await listed(ann), ["Ann (you)"]);
  },

  async "the same name becomes another one"() {
    await openPage("Ann");
    const second = await openPage("Ann");
    assert.equal(await state(second).innerText(), "Connected as Ann 2");
    await say(second, "me");
    await log(second).locator(".mine", { hasText: "me" }).waitFor();
  },

  async "text is text, never HTML, and keeps its lines"() {
    const [ann, ben] = [await openPage("<i>Ann</i>"), await openPage("Ben")];
    const text = "<img src=x onerror=alert(1)> & <b>bold</b>\nsecond line";
    await say(ann, text);
    await log(ben).locator(".text").waitFor();
    assert.equal(await log(ben).locator(".text").innerText(), text);
    assert.equal(await ben.locator("#log img, #log b, #log i, #people i").count(), 0);
    assert.deepEqual(await listed(ben), ["<i>Ann</i>", "Ben (you)"]);
  },

  async "Shift+Enter begins a new line"() {
    const ann = await openPage("Ann");
    const box = ann.getByRole("textbox", { name: "Message" });
    await box.fill("one");
    await ann.keyboard.press("Shift+Enter");
    await ann.keyboard.type("two");
    assert.equal(await box.inputValue(), "one\ntwo");
    await ann.getByRole("button", { name: "Send" }).click();
    await log(ann).locator(".mine .text").waitFor();
    assert.equal(await log(ann).locator(".mine .text").innerText(), "one\ntwo");
  },

  async "the page comes back by itself after the server was restarted"() {
    const [ann, ben] = [await openPage("Ann"), await openPage("Ben")];
    const { port } = server;
    await server.stop();
    for (const page of [ann, ben]) {
      await page.locator("#state[data-state=waiting]").waitFor();
      assert.match(await state(page).innerText(), /^Not connected\. Next try in \d+ s$/);
      assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled());
      assert.deepEqual(await listed(page), []);
    }
    await ann.getByRole("textbox", { name: "Message" }).fill("written while away");
    await ann.keyboard.press("Enter");
    server = await start(port);
    await connected(ann);
    await connected(ben);
    assert.ok(await ben.getByRole("button", { name: "Try now" }).isHidden());
    await ann.getByRole("button", { name: "Send" }).click(); // what was typed has stayed
    await sees(ben, "written while away");
  },

  async "it waits longer from one attempt to the next"() {
    const ann = await openPage("Ann");
    const { port } = server;
    await ann.evaluate(() => {
      window.attempts = [];
      const Real = window.WebSocket;
      window.WebSocket = class extends Real {
        constructor(...args) { super(...args); window.attempts.push(performance.now()); }
      };
    });
    await server.stop();
    await ann.waitForFunction(() => window.attempts.length >= 3);
    const gaps = await ann.evaluate(() => window.attempts.slice(1).map((t, i) => t - window.attempts[i]));
    assert.ok(gaps[0] >= 900 && gaps[1] >= gaps[0] * 0.9, String(gaps));
    const before = await ann.evaluate(() => window.attempts.length);
    await ann.getByRole("button", { name: "Try now" }).click();
    assert.ok(await ann.evaluate(() => window.attempts.length) > before, "it tries at once when it is told to");
    server = await start(port);
    await connected(ann);
  },

  async "leaving goes back to the entry, reloading doesn't"() {
    const [ann, ben] = [await openPage("Ann"), await openPage("Ben")];
    await ann.reload();
    await connected(ann);
    assert.equal(await state(ann).innerText(), "Connected as Ann");
    await ann.getByRole("button", { name: "Leave" }).click();
    await ann.getByLabel("Your name").waitFor();
    await ben.waitForFunction(() => document.querySelectorAll("#people li").length === 1);
    await join(ann, "Anna");
    await sees(ben, "Anna joined");
  },

  async "it can be used by keyboard alone, and names its parts"() {
    const page = await openPage();
    await page.keyboard.type("Kim"); // the field has the focus
    await page.keyboard.press("Enter");
    await connected(page);
    await page.keyboard.type("by keyboard");
    await page.keyboard.press("Enter");
    await sees(page, "by keyboard");
    await page.getByRole("log", { name: "Messages" }).waitFor();
    await page.getByRole("complementary", { name: "Here (1)" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
  },

  async "it fits a phone"() {
    const [phone, other] = [await openPage("Ann", PHONE), await openPage("Ben")];
    for (let i = 1; i <= 30; i++) await say(other, `line ${i}`);
    await say(other, "averylongword".repeat(60));
    await log(phone).getByText("averylongword").waitFor();
    const fits = await phone.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      const send = document.getElementById("send").getBoundingClientRect();
      const box = document.getElementById("text");
      const log = document.getElementById("log");
      return {
        sideways: scrollWidth > clientWidth || log.scrollWidth > log.clientWidth,
        sendVisible: send.bottom <= innerHeight && send.right <= innerWidth,
        sendHeight: send.height, fontSize: parseFloat(getComputedStyle(box).fontSize),
      };
    });
    assert.equal(fits.sideways, false);
    assert.ok(fits.sendVisible);
    assert.ok(fits.sendHeight >= 40, "a finger's width");
    assert.ok(fits.fontSize >= 16, "a phone zooms in on smaller fields");
    await phone.waitForFunction(() => {
      const log = document.getElementById("log");
      return log.scrollHeight - log.scrollTop - log.clientHeight < 5; // the newest line is in view
    });
  },

  async "it is readable in light and dark"() {
    for (const colorScheme of ["light", "dark"]) {
      const page = await openPage("Ann", { ...DESKTOP, colorScheme });
      const other = await openPage("Ben");
      await say(page, "mine");
      await say(other, "theirs");
      await sees(page, "theirs");
      for (const selector of [
        "#log .mine .text", "#log li:not(.mine) .text", "#log .name", "#log time", "#log .notice", "#state", "#here",
        "#people li", "#send", "#leave",
      ]) {
        const ratio = await contrast(page.locator(selector).first());
        assert.ok(ratio >= 4.5, `${selector} in ${colorScheme} has a contrast of ${ratio.toFixed(2)}`);
      }
      const name = page.locator("#log .name").first();
      for (let hue = 0; hue < 360; hue += 30) {
        await name.evaluate((element, h) => element.parentElement.style.setProperty("--hue", h), hue);
        assert.ok(await contrast(name) >= 4.5, `a name of hue ${hue} in ${colorScheme}`);
      }
      await closePages();
    }
  },
};

// ---- the picture for the README

async function takeScreenshot() {
  const wide = await openPage("Ada", { viewport: { width: 800, height: 580 }, deviceScaleFactor: 2, colorScheme: "light" });
  const phone = await openPage("Grace", { ...PHONE, viewport: { width: 340, height: 580 }, colorScheme: "dark" });
  await sees(wide, "Grace joined");
  await say(wide, "Hello Grace! Can you read me on the phone?");
  await sees(phone, "Hello Grace! Can you read me on the phone?");
  await say(phone, "Loud and clear.");
  await sees(wide, "Loud and clear.");
  await say(wide, "Handlers in Lua, frames in C.");
  await sees(phone, "Handlers in Lua, frames in C.");
  await say(phone, "And it comes back by itself when the server restarts.");
  await sees(wide, "And it comes back by itself when the server restarts.");
  await wide.getByRole("textbox", { name: "Message" }).blur();
  await phone.getByRole("textbox", { name: "Message" }).blur();
  const shots = await Promise.all([wide, phone].map(async page => (await page.screenshot()).toString("base64")));
  const context = await browser.newContext({ viewport: { width: 1220, height: 640 } });
  const page = await context.newPage();
  pages.push(page);
  await page.setContent(`<body style="margin:0;height:640px;display:flex;gap:24px;align-items:center;
    justify-content:center;background:linear-gradient(135deg,#dfe6f5,#c9d4ee)">
    ${shots.map((shot, i) => `<img src="data:image/png;base64,${shot}" width="${[800, 340][i]}"
      style="border-radius:12px;box-shadow:0 6px 24px #0003">`).join("")}`);
  await page.screenshot({ path: path.join(ROOT, "docs/chat.png") });
}

// ---- one after the other

if (process.env.UPDATE_SCREENSHOT === "1") tests["docs/chat.png"] = takeScreenshot;

await runAll(tests, {
  async begin(started) {
    browser = started;
    server = await start();
  },
  async end() {
    await closePages();
    await server.stop();
  },
  log: () => server.log,
});
