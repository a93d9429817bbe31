/** Open pages of the report in Chromium, from file:// and offline, and watch what they do. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const READY = "html[data-ready]";

if (!process.env.PAGES) throw new Error("PAGES names no folder of pages; tests/browser/run makes one");
export const PAGES = resolve(process.env.PAGES);

export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 390, height: 844 };
export const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const folder = mkdtempSync(join(tmpdir(), "page-test-"));
let browser;
const contexts = [];

after(async () => {
  for (const context of contexts) await context.close();
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

function executable() {
  return process.env.CHROMIUM || execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
}

/** Return the path of a page that the generator made. */
export const pagePath = (name) => join(PAGES, `${name}.html`);

/** Return the text of a page. */
export const pageText = (name) => readFileSync(pagePath(name), "utf8");

/** Write a page of one test, and return its path. */
export function changedPage(name, text) {
  const path = join(folder, `${name}.html`);
  writeFileSync(path, text);
  return path;
}

/**
 * Open a page and wait until it is ready.
 *
 * @param name of a page that the generator made
 * @param options of the context, and: `path` of another file, `hash`, `prepare(page)` before it loads
 * @returns the page; `page.errors` and `page.requests` tell what went wrong and what it asked for
 */
export async function open(name, { path = pagePath(name), hash = "", prepare, ...options } = {}) {
  browser ??= await chromium.launch({ executablePath: executable(), args: FLAGS });
  const context = await browser.newContext({ viewport: WIDE, offline: true, reducedMotion: "reduce", ...options });
  contexts.push(context);
  return opened(context, { path, hash, prepare, script: options.javaScriptEnabled !== false });
}

/** Open a page for a reader whose browser shows text in another size, in pixels. */
export async function openWithText(name, size, viewport) {
  const profile = mkdtempSync(join(folder, "profile-"));
  mkdirSync(join(profile, "Default"));
  const preferences = { webkit: { webprefs: { default_font_size: size } } };
  writeFileSync(join(profile, "Default", "Preferences"), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable(),
    args: FLAGS,
    offline: true,
    viewport,
  });
  contexts.push(context);
  return opened(context, { path: pagePath(name), hash: "", script: true });
}

async function opened(context, { path, hash, prepare, script }) {
  const page = await context.newPage();
  page.errors = [];
  page.requests = [];
  page.on("pageerror", (error) => page.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
  page.on("dialog", (dialog) => page.errors.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on("request", (request) => page.requests.push(request.url()));
  await prepare?.(page);
  await page.goto(pathToFileURL(path) + hash);
  if (script) await page.waitForSelector(READY, { state: "attached" });
  return page;
}

/** Return the facts that the page writes of the chosen frame, by title. */
export function detail(page) {
  return page.evaluate(() => {
    const lines = [...document.querySelectorAll("#flame-detail > *")].map((line) => line.textContent);
    return Object.fromEntries(lines.flatMap((line, at) => (at % 2 ? [[lines[at - 1], line]] : [])));
  });
}

/** Return whether a part of the graph is shown, and not all of it. */
export const isZoomed = (page) => page.locator("#flame-reset").isEnabled();

/** Return the text of an element with plain spaces. */
export const textOf = async (page, selector) =>
  (await page.locator(selector).textContent()).replaceAll("\u00a0", " ").trim();

/** Return how many colours a canvas shows. */
export function coloursOf(page, selector) {
  return page.evaluate((wanted) => {
    const canvas = document.querySelector(wanted);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let at = 0; at < data.length; at += 4) found.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    return found.size;
  }, selector);
}

/** Return the box of an element in the window, after it was brought into sight. */
export async function boxOf(page, selector) {
  await page.locator(selector).scrollIntoViewIfNeeded();
  return page.locator(selector).boundingBox();
}

/** Return how far the page is wider than the window, in pixels. */
export const overflowOf = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
