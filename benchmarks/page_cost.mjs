/**
 * Print what pages cost a browser, as JSON lines: bytes, seconds of the main thread until it is quiet, requests, errors.
 *
 *   node benchmarks/page_cost.mjs PAGE.html|PAGE.svg ...
 *
 * Needs the packages of tests/browser and Chromium (CHROMIUM names another than `chromium` on the path). Pages are
 * opened offline: what one asks of the network is counted, and fails.
 */

import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const { chromium } = createRequire(new URL("../tests/browser/", import.meta.url))("playwright-core");
const QUIET_MS = 1500; // without work of the main thread: it is ready
const LOOK_MS = 250;
const LIMIT_MS = 60_000;

async function cost(browser, path) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, offline: true });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  const started = Date.now();
  await page.goto(pathToFileURL(resolve(path)).href, { waitUntil: "load", timeout: LIMIT_MS });
  const { seconds, isQuiet } = await settled(session, started);
  await context.close();
  const requests = asked.filter((url) => !url.startsWith("data:") && !url.startsWith("blob:")).length - 1;
  return { path, bytes: sizeOf(asked), main_thread_s: seconds, settled: isQuiet, further_requests: requests, errors };
}

/** Return the bytes of the files that a page consists of: itself, and what it loaded beside it. */
function sizeOf(asked) {
  const files = new Set(asked.filter((url) => url.startsWith("file:")).map((url) => fileURLToPath(url.split(/[#?]/)[0])));
  return [...files].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Return the main thread's time when it has done nothing for a while. */
async function settled(session, started) {
  let last = await busy(session);
  let since = Date.now();
  while (Date.now() - started < LIMIT_MS) {
    await new Promise((resolve_) => setTimeout(resolve_, LOOK_MS));
    const now = await busy(session);
    if (now - last > 0.002) since = Date.now();
    last = now;
    if (Date.now() - since >= QUIET_MS) return { seconds: now, isQuiet: true };
  }
  return { seconds: last, isQuiet: false };
}

async function busy(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration").value;
}

const executablePath =
  process.env.CHROMIUM || execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  for (const path of process.argv.slice(2)) console.log(JSON.stringify(await cost(browser, path)));
} finally {
  await browser.close();
}
