/** Against a baseline: colour and width by the difference in time a step. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT } from "../../web/src/data/tree.js";
import { sceneOf } from "../../web/src/flame/scene.js";
import { changedPage, coloursOf, detail, open, textOf } from "./browser.mjs";
import { linkTo, profileIn, withColumns } from "./payload.mjs";

const profile = await profileIn("against");
const tab = profile.tabs.find((one) => one.hasBaseline);
const plain = { bottomUp: false, collapsed: false, width: "run", steps: null };
const scene = sceneOf(profile, tab, plain);

test("each frame says its baseline and the difference", async () => {
  const page = await open("against");
  const { Baseline: text } = await detail(page);
  assert.match(text.replaceAll("\u00a0", " "), /^[\d.,]+ \S+ a step \(([+\u2212][\d.,]+ \S+|no difference)\)$/);
});

test("colour by difference: a legend in time a step, other colours, and back", async () => {
  const page = await open("against");
  const canvas = () => page.evaluate(() => document.querySelector("#flame-box canvas").toDataURL());
  const [legend, before] = [await textOf(page, "#flame-legend"), await canvas()];
  await page.check('[name="flame-colour"][value="difference"]');
  assert.match(await textOf(page, "#flame-legend"), /from \u2212.*within ±.*few samples.*from \+/);
  assert.notEqual(await canvas(), before);
  assert.ok((await coloursOf(page, "#flame-box canvas")) > 3);
  await page.check('[name="flame-colour"][value="category"]');
  assert.equal(await textOf(page, "#flame-legend"), legend);
  assert.equal(await canvas(), before);
});

test("by the baseline's width, frames that are gone can be reached", async () => {
  const leaf = Array.from(scene.tree.order).find((node) => scene.self[node] > 0.01 * scene.total[ROOT]);
  const text = await withColumns("against", (columns) => {
    const ticks = columns[`${tab.id}.part_ticks`];
    columns[`${tab.id}.base`][leaf] = tab.self[leaf];
    tab.parts.node.forEach((node, row) => (ticks[row] = node === leaf ? 0 : ticks[row]));
  });
  const path = changedPage("gone", text);
  const page = await open("", { path, hash: linkTo(profile, tab, leaf) });
  await page.check('[name="flame-colour"][value="difference"]');
  const before = await detail(page);
  assert.equal(before.Function, scene.name(leaf));
  await page.check('[name="flame-width"][value="baseline"]');
  assert.deepEqual(await detail(page), before);
  assert.match(before.Baseline, /\u2212/);
  assert.deepEqual(page.errors, []);
});

test("without a baseline there is no choice of one", async () => {
  const page = await open("story");
  assert.equal(await page.locator('[name="flame-colour"], [name="flame-width"]').count(), 0);
  assert.equal((await detail(page)).Baseline, undefined);
});
