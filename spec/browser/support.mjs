// What the browser specs share: luaws with an example, Chromium, and how well text can be read.
//
// LUAWS_BIN is the luaws under test (build/debug/luaws), CHROMIUM_BIN the browser. With SCREENSHOTS=FOLDER pictures are
// left there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { chromium } from "playwright-core";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const TIMEOUT = 15000;
const LUAWS = process.env.LUAWS_BIN || path.join(ROOT, "build/debug/luaws");
const CHROMIUM = process.env.CHROMIUM_BIN || "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

// What pages do that no test asks for; one that isn't empty at the end of a test fails it.
export const complaints = [];

// Runs tests by name, each between `begin`, which gets the browser, and `end`. `log`: returns that of the server. The
// last line is "N passed, N failed".
export async function runAll(tests, { begin, end, log }) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  let passed = 0, failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    complaints.length = 0;
    let failure;
    try {
      await begin(browser);
      await test();
      assert.deepEqual(complaints, []);
    } catch (error) {
      failure = error;
    }
    await end().catch(error => { failure ||= error; });
    console.log(failure ? `FAILED  ${name}\n${failure.stack}\n  log of luaws:\n${log()}` : `ok      ${name}`);
    if (failure) failed++;
    else passed++;
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

export async function picture(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
}

// An example's file name, or another script's path. `args`: what stands before the script. { url, port, log, stop() }
export async function startServer(example, { port = 0, args = [] } = {}) {
  const child = spawn(LUAWS, ["--port", String(port), ...args, path.resolve(ROOT, "examples", example)], {
    stdio: ["ignore", "inherit", "pipe"],
  });
  const server = { log: "" };
  const exit = once(child, "exit");
  server.url = await new Promise((resolve, reject) => {
    child.stderr.on("data", data => {
      server.log += data;
      const told = /luaws: open (https?:\S+)\n/.exec(server.log);
      if (told && /luaws: serving wss?:/.test(server.log)) resolve(told[1]);
    });
    exit.then(() => reject(new Error(`luaws has not started:\n${server.log}`)));
  });
  server.port = Number(new URL(server.url).port);
  server.stop = async () => {
    child.kill("SIGTERM");
    const [code] = await exit;
    assert.equal(code, 0, `luaws ended with ${code}:\n${server.log}`);
    assert.ok(!/Sanitizer|runtime error/.test(server.log), server.log);
  };
  return server;
}

// Of an element's text with what is behind it, by WCAG 2: at least 4.5 is easy to read.
export function contrast(locator) {
  return locator.evaluate(element => {
    const channels = colour => colour.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255)
      .map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    let behind = element, background;
    do {
      background = channels(getComputedStyle(behind).backgroundColor);
      behind = behind.parentElement;
    } while (background[3] === 0 && behind);
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(background)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
}
