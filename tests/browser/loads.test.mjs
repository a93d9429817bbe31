/** Every page loads from a file, asks for nothing, and runs no script but its own. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { PAGES, coloursOf, open, pageText } from "./browser.mjs";

const NAMES = readdirSync(PAGES)
  .filter((name) => name.endsWith(".html"))
  .map((name) => name.slice(0, -5));

for (const name of NAMES) {
  test(`${name}: no error, and one request: the file`, async () => {
    const page = await open(name);
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    for (const tab of await page.getByRole("tab").all()) await tab.click();
    assert.deepEqual(page.errors, []);
    assert.equal(page.requests.length, 1);
  });
}

test("each tab of a real recording is drawn", async () => {
  const page = await open("story");
  for (const tab of await page.getByRole("tab").all()) {
    await tab.click();
    assert.equal(await tab.getAttribute("aria-selected"), "true");
    assert.ok((await coloursOf(page, "#flame-box canvas")) > 10, await tab.textContent());
  }
  assert.ok((await coloursOf(page, "#steps-box canvas")) > 3);
});

test("the policy stops a foreign script and any request", async () => {
  const page = await open("story");
  const outcome = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.injected = 1";
    document.body.append(script);
    const picture = document.body.appendChild(document.createElement("img"));
    picture.setAttribute("onerror", "window.injected = 2");
    picture.src = "x";
    const fetched = await fetch("http://127.0.0.1:9/").then(() => "fetched", () => "stopped");
    await new Promise((done) => setTimeout(done, 100));
    return { fetched, injected: window.injected };
  });
  assert.deepEqual(outcome, { fetched: "stopped", injected: undefined });
});

test("hostile names stay text wherever they are shown", async () => {
  const page = await open("hostile");
  const scripts = pageText("hostile").match(/<script\b/g).length;
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  await page.focus("#flame-box");
  for (const key of ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown", "Enter", "ArrowDown"]) {
    await page.keyboard.press(key);
  }
  const box = await page.locator("#flame-box canvas").boundingBox();
  for (let row = 0; row < 8; row++) await page.mouse.move(box.x + box.width * 0.3, box.y + 9 + row * 18);
  await page.fill("#flame-search", "<img src=x onerror=window.__pwned=1>");
  for (const button of await page.locator("[data-flame]").all()) await button.click();
  const found = await page.evaluate(() => ({
    pwned: window.__pwned,
    foreign: document.querySelectorAll("img, iframe, object, embed, video, audio, link, base, form:not([method])").length,
    scripts: document.querySelectorAll("script").length,
    text: document.body.textContent,
  }));
  assert.equal(found.pwned, undefined);
  assert.equal(found.foreign, 0);
  assert.ok(found.scripts <= scripts);
  assert.match(found.text, /<img/);
  assert.match(found.text, /<\/script>/);
  assert.match(found.text, /\{\{DATA\}\}/);
  assert.deepEqual(page.errors, []);
  assert.equal(page.requests.length, 1);
});

test("reads without JavaScript: all but the canvases, and no dead button", async () => {
  const page = await open("story", { javaScriptEnabled: false });
  const text = await page.locator("body").innerText();
  for (const part of ["Hotspots", "Throughput", "Step time", "Flame graph", "needs JavaScript", "About this profile"]) {
    assert.ok(text.includes(part), part);
  }
  assert.ok((await page.locator("h1").innerText()).length > 10);
  assert.equal(await page.locator("button:visible, input:visible, canvas:visible").count(), 0);
  assert.ok(await page.locator("#hotspot-1 summary").isVisible());
});

test("nothing moves once the page is shown", async () => {
  const page = await open("story");
  const shift = await page.evaluate(
    () =>
      new Promise((done) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) sum += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done(sum), 300);
      }),
  );
  assert.ok(shift < 0.1, String(shift));
});
