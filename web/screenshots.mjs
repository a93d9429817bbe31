/**
 * Take pictures of report pages: wide and narrow, light and dark.
 *
 *   node web/screenshots.mjs OUT_DIR PAGE.html [PAGE.html ...]
 *
 * Writes PAGE_1440_light.png and so on; of the wide ones also the flame graph and the steps alone. Needs the
 * packages of tests/browser and Chromium (CHROMIUM names another than `chromium` on the path).
 */

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(new URL("../tests/browser/", import.meta.url))("playwright-core");
const SIZES = [{ width: 1440, height: 900 }, { width: 390, height: 844 }];
const THEMES = ["light", "dark"];
const PARTS = { flame: "#flame", steps: "section:has(#steps-box)" };

const [out, ...pages] = process.argv.slice(2);
if (!out || !pages.length) {
  console.error("usage: node web/screenshots.mjs OUT_DIR PAGE.html [PAGE.html ...]");
  process.exit(2);
}

async function pictures(browser, path) {
  const name = basename(path, ".html");
  for (const viewport of SIZES) {
    for (const colorScheme of THEMES) {
      const context = await browser.newContext({ viewport, colorScheme, offline: true, reducedMotion: "reduce" });
      const page = await context.newPage();
      await page.goto(pathToFileURL(resolve(path)).href);
      await page.waitForSelector("html[data-ready]", { state: "attached" });
      const file = (part) => join(out, `${name}_${viewport.width}_${colorScheme}${part}.png`);
      await page.screenshot({ path: file("") });
      await page.screenshot({ path: file("_full"), fullPage: true });
      if (viewport === SIZES[0]) await partsOf(page, file);
      await context.close();
    }
  }
}

async function partsOf(page, file) {
  for (const [part, selector] of Object.entries(PARTS)) {
    const section = page.locator(selector).first();
    if (await section.count()) await section.screenshot({ path: file(`_${part}`) });
  }
  const difference = page.locator('[name="flame-colour"][value="difference"]');
  if (!(await difference.count())) return;
  await difference.check();
  await page.locator(PARTS.flame).screenshot({ path: file("_difference") });
}

mkdirSync(out, { recursive: true });
const executablePath =
  process.env.CHROMIUM || execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  for (const path of pages) await pictures(browser, path);
} finally {
  await browser.close();
}
