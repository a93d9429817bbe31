/** Choosing steps: the flame graph follows, and its figures are those of the chosen steps. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { boxOf, detail, open, textOf } from "./browser.mjs";
import { profileIn } from "./payload.mjs";

const profile = await profileIn("story");
const { steps } = profile;

async function drag(page, from, to) {
  const box = await boxOf(page, "#steps-box canvas");
  const [y, x] = [box.y + box.height / 2, (part) => box.x + 58 + part * (box.width - 62)];
  await page.mouse.move(x(from), y);
  await page.mouse.down();
  await page.mouse.move(x((from + to) / 2), y);
  await page.mouse.move(x(to), y);
  await page.mouse.up();
  await page.mouse.move(x(to), box.y - 60);
}

test("dragging over steps: both the words and the flame graph are of them, until all are chosen again", async () => {
  const page = await open("story");
  const whole = await detail(page);
  await drag(page, 0.25, 0.55);
  const said = await textOf(page, "#steps-info");
  const [, first, last] = /^Steps (\d+) to (\d+): mean .+ steps\/s\. /.exec(said).map(Number);
  assert.ok(last > first);
  assert.match(await textOf(page, "#flame-note"), new RegExp(`Only steps ${first} to ${last}\\.$`));
  const some = await detail(page);
  assert.notEqual(some.Time, whole.Time);
  const index = Array.from({ length: steps.count }, (_, step) => steps.index(step));
  const range = { first: index.indexOf(first), end: index.indexOf(last) + 1 };
  const [tab] = profile.tabs;
  const ticks = tab.selfOf(range).reduce((sum, part) => sum + part, 0);
  const ms = tab.nsPerStep(ticks, range.end - range.first) / 1e6;
  const shown = /^([\d.,]+).(ms|s|µs) a step/.exec(some.Time);
  const scale = { µs: 1e-3, ms: 1, s: 1e3 }[shown[2]];
  assert.ok(Math.abs(Number(shown[1].replaceAll(",", "")) * scale - ms) <= ms * 0.01, `${some.Time}: ${ms} ms`);
  await page.click("#steps-clear");
  assert.deepEqual(await detail(page), whole);
  assert.equal(await page.locator("#steps-clear").isVisible(), false);
});

test("a drag to the left is the same as one to the right", async () => {
  const page = await open("story");
  await drag(page, 0.2, 0.5);
  const said = await textOf(page, "#steps-info");
  await drag(page, 0.5, 0.2);
  assert.equal(await textOf(page, "#steps-info"), said);
});

test("by keyboard: one step, the next, several with Shift, all with Escape", async () => {
  const page = await open("story");
  await page.focus("#steps-box");
  await page.keyboard.press("ArrowRight");
  assert.match(await textOf(page, "#steps-live"), new RegExp(`^Step ${steps.index(0)}: `));
  await page.keyboard.press("ArrowRight");
  assert.match(await textOf(page, "#steps-live"), new RegExp(`^Step ${steps.index(1)}: `));
  await page.keyboard.press("Shift+ArrowRight");
  assert.match(await textOf(page, "#steps-live"), new RegExp(`^Steps ${steps.index(1)} to ${steps.index(2)}: `));
  await page.keyboard.press("End");
  assert.match(await textOf(page, "#steps-live"), new RegExp(`^Step ${steps.index(steps.count - 1)}: `));
  await page.keyboard.press("Escape");
  assert.match(await textOf(page, "#steps-info"), /^Median /);
});

test("pointing at a column says what its steps took", async () => {
  const page = await open("story");
  const box = await boxOf(page, "#steps-box canvas");
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  assert.match(await textOf(page, "#steps-info"), /^Steps? \d+/);
  await page.mouse.move(box.x + box.width / 2, box.y - 50);
  assert.match(await textOf(page, "#steps-info"), /^Median /);
});

test("a tab that can't choose steps says so", async (t) => {
  const place = profile.tabs.findIndex((tab) => !tab.canFilter);
  if (place < 0) return t.skip("every tab of the recording can");
  const page = await open("story");
  await drag(page, 0.2, 0.5);
  await page.getByRole("tab").nth(place).click();
  assert.match(await textOf(page, "#flame-note"), /this tab can't show/);
});
