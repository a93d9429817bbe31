/** The flame graph by keyboard, mouse, touch and link, on a real recording. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT } from "../../web/src/data/tree.js";
import { boxOf, detail, isZoomed, open, textOf } from "./browser.mjs";
import { deepNode, linkTo, profileIn } from "./payload.mjs";

const profile = await profileIn("story");
const [training] = profile.tabs;
const deep = deepNode(training, 0.1);
const deepName = profile.frames.name(training.tree.frame[deep]);
const RESET = { state: "attached", timeout: 3000 };

test("the root is the step, to the digit", async () => {
  const page = await open("story");
  const facts = await detail(page);
  assert.equal(facts.Function, profile.frames.name(training.tree.frame[ROOT]));
  const time = facts.Time.replaceAll("\u00a0", " ");
  assert.match(time, /^[\d.,]+ m?s a step · 100 % of (step|what is shown) · [\d,]+ samples$/);
});

test("keys move from frame to frame, and each move is said", async () => {
  const page = await open("story");
  await page.focus("#flame-box");
  await page.keyboard.press("ArrowDown");
  const first = await detail(page);
  assert.match(await textOf(page, "#flame-live"), /row 2$/);
  await page.keyboard.press("ArrowDown");
  assert.match(await textOf(page, "#flame-live"), /row 3$/);
  await page.keyboard.press("ArrowUp");
  assert.deepEqual(await detail(page), first);
  await page.keyboard.press("Home");
  assert.match(await textOf(page, "#flame-live"), /row 1$/);
});

test("Enter zooms, Escape shows all, plus and minus go nearer and further", async () => {
  const page = await open("story");
  await page.focus("#flame-box");
  assert.equal(await isZoomed(page), false);
  await page.keyboard.press("+");
  assert.equal(await isZoomed(page), true);
  for (let press = 0; press < 3; press++) await page.keyboard.press("-");
  assert.equal(await isZoomed(page), false);
  for (let press = 0; press < 4; press++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await isZoomed(page), true);
  await page.keyboard.press("Escape");
  assert.equal(await isZoomed(page), false);
});

test("a link to a frame shows it, and the address follows what is chosen", async () => {
  const page = await open("story", { hash: linkTo(profile, training, deep) });
  assert.equal((await detail(page)).Function, deepName);
  const shown = await detail(page);
  await page.focus("#flame-box");
  await page.keyboard.press("ArrowUp");
  await page.waitForFunction((path) => location.hash !== path, linkTo(profile, training, deep));
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => location.hash === "");
  await page.evaluate((hash) => (location.hash = hash), linkTo(profile, training, deep));
  await page.waitForFunction((name) => document.querySelector("#flame-detail dd").textContent === name, deepName);
  assert.deepEqual(await detail(page), shown);
  assert.deepEqual(page.errors, []);
});

test("a link to a frame that isn't there is harmless", async () => {
  const page = await open("story", { hash: "#flame=training/no%20such/frame" });
  assert.equal(await isZoomed(page), false);
  const wrong = await open("story", { hash: "#flame=%E0%A4%A" });
  assert.deepEqual([...page.errors, ...wrong.errors], []);
});

test("search says which share of what in how many places; n and N go through them", async () => {
  const page = await open("story");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "flame-search");
  await page.keyboard.type(deepName);
  assert.match(await textOf(page, "#flame-found"), /^[<\d.]+ % of .+, in \d+ places?$/);
  await page.keyboard.press("Enter");
  assert.ok((await detail(page)).Function.includes(deepName));
  await page.focus("#flame-box");
  await page.keyboard.press("n");
  await page.keyboard.press("N");
  await page.waitForFunction(() => /^\d+ of \d+: /.test(document.getElementById("say")?.textContent));
  await page.fill("#flame-search", "no such function anywhere");
  assert.equal(await textOf(page, "#flame-found"), "No match here");
  await page.fill("#flame-search", "");
  assert.equal(await textOf(page, "#flame-found"), "");
});

test("a click zooms, Ctrl and the wheel zoom, the wheel alone scrolls the page", async () => {
  const page = await open("story");
  const box = await boxOf(page, "#flame-box canvas");
  await page.mouse.move(box.x + box.width / 2, box.y + 30);
  const before = await page.evaluate(() => window.scrollY);
  await page.mouse.wheel(0, -120);
  await page.waitForFunction((y) => window.scrollY !== y, before);
  assert.equal(await isZoomed(page), false);
  const now = await boxOf(page, "#flame-box canvas");
  await page.mouse.move(now.x + now.width / 2, now.y + 30);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -240);
  await page.keyboard.up("Control");
  await page.waitForSelector("#flame-reset:enabled", RESET);
  await page.click("#flame-reset");
  assert.equal(await isZoomed(page), false);
  const place = await boxOf(page, "#flame-box canvas");
  await page.mouse.click(place.x + 12, place.y + 3 * 18 + 9);
  assert.equal(await isZoomed(page), true);
});

test("pointing at a frame shows its facts beside the pointer", async () => {
  const page = await open("story");
  const box = await boxOf(page, "#flame-box canvas");
  await page.mouse.move(box.x + 40, box.y + 27);
  await page.waitForSelector("#flame-tip:visible");
  assert.match(await page.locator("#flame-tip").innerText(), /Function/);
  await page.mouse.move(box.x + 40, box.y - 40);
  await page.waitForSelector("#flame-tip", { state: "hidden" });
});

test("two fingers zoom", async () => {
  const page = await open("story", { hasTouch: true });
  const box = await boxOf(page, "#flame-box canvas");
  const session = await page.context().newCDPSession(page);
  const touch = (type, spread) =>
    session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: spread
        ? [-1, 1].map((side, id) => ({ x: box.x + box.width / 2 + side * spread, y: box.y + 40, id }))
        : [],
    });
  await touch("touchStart", 40);
  for (const spread of [60, 100, 160, 240]) await touch("touchMove", spread);
  await touch("touchEnd", 0);
  await page.waitForSelector("#flame-reset:enabled", RESET);
});

test("collapsed: fewer rows, the same time; what was joined is said", async () => {
  const page = await open("story");
  const whole = (await detail(page)).Time;
  const height = () => page.evaluate(() => document.querySelector("#flame-box canvas").clientHeight);
  const before = await height();
  await page.check("#flame-collapse");
  assert.equal((await detail(page)).Time, whole);
  assert.ok((await height()) <= before);
});

test("bottom-up: the same time, in the frames that spent it", async () => {
  const page = await open("story");
  const whole = (await detail(page)).Time;
  await page.check("#flame-bottom-up");
  assert.equal((await detail(page)).Time, whole);
  const spent = new Map();
  for (let node = 1; node < training.tree.size; node++) {
    const name = profile.frames.name(training.tree.frame[node]);
    spent.set(name, (spent.get(name) ?? 0) + training.self[node]);
  }
  await page.focus("#flame-box");
  await page.keyboard.press("ArrowDown");
  const { Function: name } = await detail(page);
  assert.ok(spent.get(name) > 0, `${name} spent no time itself`);
  await page.uncheck("#flame-bottom-up");
  assert.equal((await detail(page)).Time, whole);
});

test("a waiting frame leads to what was waited for, and back", async () => {
  const [from, node, to, other] = profile.head.links[0];
  const page = await open("story", { hash: linkTo(profile, profile.tabs[from], node) });
  const waiting = await detail(page);
  await page.click("#flame-waited");
  const name = (tab, at) => profile.frames.name(profile.tabs[tab].tree.frame[at]);
  assert.equal((await detail(page)).Function, name(to, other));
  assert.equal(await page.locator('[role="tab"][aria-selected="true"]').textContent(), profile.tabs[to].label);
  await page.click("#flame-back");
  assert.deepEqual(await detail(page), waiting);
  assert.equal(await page.locator("#flame-back").isVisible(), false);
});

test("a hotspot is shown in the flame graph", async () => {
  const page = await open("story");
  const button = page.locator("[data-flame]:visible").first();
  const name = await button.getAttribute("data-function");
  await button.click();
  assert.equal((await detail(page)).Function, name);
  assert.match(await textOf(page, "#flame-found"), /%/);
  assert.ok(await page.locator("#flame").evaluate((section) => section.getBoundingClientRect().top < 400));
});

test("arrow keys move between tabs", async () => {
  const page = await open("story");
  await page.getByRole("tab").first().focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getByRole("tab").nth(1).getAttribute("aria-selected"), "true");
  await page.keyboard.press("Home");
  assert.equal(await page.getByRole("tab").first().getAttribute("aria-selected"), "true");
});
