/** What the page does beside its canvases: hotspots, copying, saving, theme, keys. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { open, textOf } from "./browser.mjs";
import { profileIn } from "./payload.mjs";

const isOpen = (page, number) => page.locator(`#hotspot-${number} details`).evaluate((details) => details.open);

test("a link opens a hotspot, a digit another, and the address follows", async () => {
  const page = await open("story", { hash: "#hotspot-2" });
  assert.equal(await isOpen(page, 2), true);
  await page.evaluate(() => document.querySelector("#hotspot-1 details").removeAttribute("open"));
  await page.keyboard.press("1");
  assert.equal(await isOpen(page, 1), true);
  assert.match(page.url(), /#hotspot-1$/);
  await page.keyboard.press("9"); // there may be no ninth
  assert.deepEqual(page.errors, []);
});

test("a link within the page opens its hotspot, also a second time", async () => {
  const page = await open("story");
  await page.evaluate(() => {
    const link = document.createElement("a");
    link.href = "#hotspot-1";
    link.id = "link-of-this-test";
    link.textContent = "the first hotspot";
    document.querySelector("main").prepend(link);
  });
  const close = () => page.evaluate(() => document.querySelector("#hotspot-1 details").removeAttribute("open"));
  for (let time = 0; time < 2; time++) {
    await close();
    await page.click("#link-of-this-test");
    assert.equal(await isOpen(page, 1), true);
  }
});

test("copying works from a file", async () => {
  const page = await open("story");
  const button = page.locator("[data-copy]").first();
  const id = await button.getAttribute("data-copy");
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  await button.click();
  await page.waitForFunction((wanted) => document.querySelector(`[data-copy="${wanted}"]`).textContent === "Copied", id);
  const copied = await page.locator(`#${id}`).textContent();
  await page.focus("#flame-search");
  await page.keyboard.press("Control+V");
  const pasted = await page.inputValue("#flame-search");
  assert.equal(pasted.replace(/\s+/g, ""), copied.replace(/\s+/g, ""));
});

test("copying falls back where the clipboard is refused", async () => {
  const prepare = (page) => page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  const page = await open("story", { prepare });
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  await page.locator("[data-link]").first().click();
  assert.equal(await page.locator("[data-link]").first().textContent(), "Copied");
  await page.focus("#flame-search");
  await page.keyboard.press("Control+V");
  assert.match(await page.inputValue("#flame-search"), /^file:.*story\.html#(finding|hotspot)-\d+$/);
  assert.match(page.url(), /#(finding|hotspot)-\d+$/);
});

test("t turns light and dark, which is remembered where the browser allows it", async () => {
  const page = await open("story", { colorScheme: "dark" });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), "dark");
  await page.keyboard.press("t");
  assert.equal(await theme(), "light");
  assert.equal(await textOf(page, "#theme"), "Dark theme");
  await page.reload();
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  assert.equal(await theme(), "light");
});

test("a browser that refuses to remember is no error", async () => {
  const prepare = (page) =>
    page.addInitScript(() => {
      Object.defineProperty(window, "localStorage", {
        get() {
          throw new DOMException("refused", "SecurityError");
        },
      });
    });
  const page = await open("story", { prepare });
  await page.keyboard.press("t");
  assert.deepEqual(page.errors, []);
});

test("the system's change of theme is followed until the reader chose", async () => {
  const page = await open("story", { colorScheme: "light" });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.keyboard.press("t");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(100);
  }
  assert.equal(await theme(), "light");
});

test("? lists the keys; single keys can be switched off", async () => {
  const page = await open("story");
  await page.keyboard.press("?");
  assert.ok(await page.locator("#help").isVisible());
  await page.uncheck("#help-keys");
  await page.keyboard.press("Escape");
  const before = await page.evaluate(() => document.documentElement.dataset.theme);
  await page.keyboard.press("t");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), before);
});

async function saved(page, selector) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(selector).first().click()]);
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
}

test("report.json is saved as it was", async () => {
  const page = await open("story");
  const { name, text } = await saved(page, '[data-download][data-name="report.json"]');
  assert.equal(name, "report.json");
  assert.ok(JSON.parse(text));
  assert.deepEqual(page.errors, []);
});

test("every file that the page offers can be saved", async () => {
  const page = await open("story");
  const names = await page.locator("[data-download]").evaluateAll((all) => all.map((one) => one.dataset.name));
  for (const name of names) {
    const found = await saved(page, `[data-download][data-name="${name}"]`);
    assert.equal(found.name, name);
    assert.ok(found.text.length > 20);
  }
});

test("the speedscope file has a profile a tab, with its time", async () => {
  const page = await open("story");
  const { name, text } = await saved(page, "#download-speedscope");
  assert.match(name, /speedscope\.json$/);
  const { profiles } = JSON.parse(text);
  const { tabs } = await profileIn("story");
  assert.deepEqual(profiles.map((one) => one.name), tabs.map((tab) => tab.label));
  for (const [place, { weights }] of profiles.entries()) {
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    const ns = tabs[place].totalTicks * tabs[place].ticksNs;
    assert.ok(Math.abs(whole - ns) <= weights.length, tabs[place].label);
  }
});
