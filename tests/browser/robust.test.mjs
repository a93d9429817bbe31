/** Pages with little or nothing to show, damaged pages and old browsers: one sentence each, and the rest works. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { changedPage, detail, open, overflowOf, pageText, textOf, NARROW } from "./browser.mjs";
import { profileIn, withPayload } from "./payload.mjs";

const DAMAGES = {
  cut: (text) => text.slice(0, text.length / 2),
  changed: (text) => text.slice(0, 3000) + (text[3000] === "x" ? "y" : "x") + text.slice(3001),
  empty: () => "",
  text: () => "not base64 at all!",
};

async function restWorks(page) {
  assert.equal(await page.locator("#flame-body").isVisible(), false);
  assert.equal(await page.locator("canvas:visible").count(), 0);
  assert.equal(await page.locator("[data-flame]:visible, #download-speedscope:visible").count(), 0);
  await page.keyboard.press("1");
  assert.equal(await page.locator("#hotspot-1 details").evaluate((details) => details.open), true);
  for (const key of ["/", "n", "N", "t", "?"]) await page.keyboard.press(key);
  assert.deepEqual(page.errors, []);
}

for (const [name, damage] of Object.entries(DAMAGES)) {
  test(`a payload that is damaged (${name}): a sentence, and the rest works`, async () => {
    const path = changedPage(`damaged_${name}`, withPayload(pageText("story"), damage));
    const page = await open("", { path, hash: "#flame=training/main" });
    assert.match(await textOf(page, "#flame-problem"), /^The profile in this file is damaged \(.+\)/);
    assert.match(await textOf(page, "#steps-problem"), /damaged/);
    await restWorks(page);
  });
}

test("a browser that can't inflate: a sentence, and the rest works", async () => {
  const page = await open("story", { prepare: (one) => one.addInitScript(() => delete window.DecompressionStream) });
  assert.match(await textOf(page, "#flame-problem"), /^This browser is too old/);
  await restWorks(page);
});

test("a page without payload is the static page", async () => {
  const text = pageText("story").replace(/<script[^>]*\bid="payload"[^>]*>[^<]*<\/script>/, "");
  const page = await open("", { path: changedPage("static", text) });
  await page.keyboard.press("1");
  for (const key of ["/", "n", "t", "?"]) await page.keyboard.press(key);
  assert.deepEqual(page.errors, []);
});

test("0 samples: a sentence in place of the graph", async () => {
  const page = await open("empty");
  const section = page.locator("section:has(#flame-title)");
  assert.match(await section.innerText(), /No stack was sampled/);
  assert.equal(await section.locator("canvas:visible").count(), 0);
  assert.deepEqual(page.errors, []);
});

test("1 step: a sentence in place of the chart", async () => {
  const page = await open("one_step");
  assert.match(await textOf(page, "#steps-problem"), /^One step was measured/);
  assert.equal(await page.locator("#steps-box canvas:visible").count(), 0);
  assert.deepEqual(page.errors, []);
});

test("no workers: no tab for them", async () => {
  const page = await open("no_workers");
  const labels = await page.getByRole("tab").allTextContents();
  assert.ok(labels.length > 0);
  assert.ok(!labels.some((label) => /worker/i.test(label)), labels.join());
  assert.deepEqual(page.errors, []);
});

test("no source: hotspots say that none is shown", async () => {
  const page = await open("no_source");
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  assert.equal(await page.locator("pre.src").count(), 0);
  assert.match(await page.locator("#hotspot-1").innerText(), /[Nn]o source|source/);
});

test("a name of 300 characters is whole in the detail line and breaks no layout", async () => {
  const { frames } = await profileIn("long_name");
  const all = Array.from({ length: frames.count }, (_, frame) => frames.name(frame));
  const longest = all.reduce((one, other) => (other.length > one.length ? other : one));
  assert.ok(longest.length >= 300);
  for (const viewport of [undefined, NARROW]) {
    const page = await open("long_name", viewport ? { viewport } : {});
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    await page.fill("#flame-search", longest);
    await page.press("#flame-search", "Enter");
    assert.ok((await detail(page)).Function.includes(longest));
    assert.ok((await overflowOf(page)) <= 0);
    assert.deepEqual(page.errors, []);
  }
});

test("traces of eight ranks: kernels with time and no samples, and a row a rank without scrolling", async () => {
  const page = await open("ranks");
  assert.deepEqual(await page.getByRole("tab").allTextContents(), ["GPU kernels"]);
  assert.match((await detail(page)).Time.replaceAll("\u00a0", " "), /a step · 100 % of what is shown$/);
  await page.focus("#flame-box");
  await page.keyboard.press("ArrowDown");
  assert.match((await detail(page)).Function, /^GPU \d+$/);
  const table = page.locator("table.ranks");
  assert.equal(await table.locator("tbody tr").count(), 8);
  assert.equal(await table.locator("tr.late").count(), 2);
  assert.ok(await table.evaluate((element) => element.scrollWidth <= element.parentElement.clientWidth));
});
