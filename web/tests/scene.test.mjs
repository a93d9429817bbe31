/** What the page writes of a frame: time a step, shares, samples, categories, differences. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT } from "../src/data/tree.js";
import { SAME, levelOf } from "../src/flame/difference.js";
import { levelTexts } from "../src/flame/legend.js";
import { categoriesOf, factsOf, sentenceOf, wayTo } from "../src/flame/words.js";
import { anyProfile, handMade, sceneWith } from "./made.mjs";

const spaces = (text) => text.replaceAll("\u00a0", " ");

test("time a step, share and samples of a frame", () => {
  const scene = sceneWith(handMade(["1 main 1 0 100 90", "2 wait 0 3 300 10"], { samples: 800 }));
  assert.equal(scene.ns(ROOT), 40e6);
  assert.equal(scene.ns(2), 30e6);
  assert.equal(scene.selfNs(1), 10e6);
  assert.equal(scene.share(2), 0.75);
  assert.equal(scene.samples(2), 600);
  assert.equal(scene.baseNs(2), 1e6);
});

test("the facts of a frame in words", () => {
  const scene = sceneWith(handMade(["1 main 1 0 100 90", "2 wait 0 3 300 10"], { samples: 800 }));
  assert.deepEqual(factsOf(scene, 1).map(([title, text]) => `${title}: ${spaces(text)}`), [
    "Function: main",
    "Place: train.py:1",
    "Time: 40.0 ms a step · 100 % of step · 800 samples",
    "In itself: 10.0 ms a step",
    "Category: Label 3 75 %, Label 0 25 % of it",
    "Baseline: 10.0 ms a step (+30.0 ms)",
  ]);
  assert.match(spaces(sentenceOf(scene, 2)), /^wait, train.py:2, 30.0 ms a step.*row 3$/);
});

test("few samples are said to be few", () => {
  const scene = sceneWith(handMade(["1 main 1 0 1000 0", "2 wait 0 3 10 0"], { samples: 1010 }));
  assert.match(factsOf(scene, 2).map(([, text]) => spaces(text)).join(), /10 samples, too few to trust/);
});

test("times that were recorded whole have no samples, and none of them is rough", () => {
  const scene = sceneWith(handMade(["1 main 1 0 1000 0", "2 kernel 0 2 10 0"], { samples: null }));
  assert.equal(spaces(factsOf(scene, 2).find(([title]) => title === "Time")[1]), "1.00 ms a step \u00b7 1.0 % of step");
  assert.equal(scene.isRough(2), false);
  assert.equal(scene.differenceLevel(2), 4); // 1 ms more of 101
});

test("the way to a frame names its nearest callers", () => {
  const scene = sceneWith(handMade(["1 a 1 0 0 0", "2 b 1 0 0 0", "3 c 1 0 0 0", "4 d 1 0 0 0", "5 e 1 0 1 0"]));
  assert.equal(wayTo(scene, 5), "\u2026 \u203a b \u203a c \u203a d");
  assert.equal(wayTo(scene, 2), "a");
  assert.equal(wayTo(scene, ROOT), "");
});

test("chosen steps: the sum of their rows, a step's mean by their number", () => {
  for (let seed = 0; seed < 20; seed++) {
    const profile = anyProfile(seed, { steps: 9 });
    const [tab] = profile.tabs;
    const whole = sceneWith(profile);
    const all = sceneWith(profile, { steps: { first: 0, end: 9 } });
    assert.deepEqual([...all.total], [...whole.total]);
    assert.equal(all.ns(ROOT), whole.ns(ROOT));
    const [left, right] = [{ first: 0, end: 4 }, { first: 4, end: 9 }].map((steps) => sceneWith(profile, { steps }));
    for (let node = 0; node < tab.tree.size; node++) {
      assert.equal(left.total[node] + right.total[node], whole.total[node]);
    }
    assert.equal(left.steps, 4);
    assert.equal(left.ns(ROOT), (left.total[ROOT] * 1000) / 4);
  }
});

test("a tab that can't choose steps shows all of them", () => {
  const scene = sceneWith(handMade(["1 main 1 0 100 0"]), { steps: { first: 0, end: 1 } });
  assert.equal(scene.steps, 10);
  assert.equal(scene.total[ROOT], 100);
});

test("categories of a frame add up to all of it, in every view", () => {
  const profile = anyProfile(3);
  for (const options of [{}, { collapsed: true }, { bottomUp: true }, { steps: { first: 2, end: 11 } }]) {
    const scene = sceneWith(profile, options);
    for (let node = 0; node < scene.tree.size; node += 7) {
      if (!scene.total[node]) continue;
      const all = scene.parts(node).reduce((sum, part) => sum + part.share, 0);
      assert.ok(Math.abs(all - 1) < 1e-9);
      assert.ok(categoriesOf(scene, node));
    }
  }
});

test("a frame's own time may be of several categories", () => {
  const parts = [[1, 0, 100], [2, 0, 180], [2, 3, 120]];
  const scene = sceneWith(handMade(["1 main 1 0 100 0", "2 wait 0 0 300 0"], { parts }));
  const of = (node) => Object.fromEntries(scene.parts(node).map(({ category, share }) => [category, share]));
  assert.deepEqual(of(2), { 0: 0.6, 3: 0.4 });
  assert.deepEqual(of(ROOT), { 0: 0.7, 3: 0.3 });
  assert.equal(scene.view.shown[2], scene.profile.categories.length);
});

test("a difference is held to time a step: an unchanged frame stays grey when others shrink", () => {
  const lines = ["1 main 1 0 0 0", "2 same 1 0 300 300", "2 gone 1 0 0 400", "2 more 1 0 100 20"];
  const scene = sceneWith(handMade(lines));
  const level = Object.fromEntries([1, 2, 3, 4].map((node) => [scene.name(node), scene.differenceLevel(node)]));
  assert.deepEqual(level, { main: 0, same: SAME, gone: 0, more: 6 });
});

test("levels: noise, few samples and the seven steps", () => {
  const [step, many] = [100e6, 1000];
  const at = (percent) => levelOf(percent * 1e6, step, many);
  assert.deepEqual([-5, -4, -2, -1, -0.5, -0.2, 0, 0.2, 0.25, 1, 3.9, 4].map(at), [0, 0, 1, 1, 2, 3, 3, 3, 4, 5, 5, 6]);
  assert.equal(levelOf(50e6, step, 4.9), SAME);
  assert.equal(levelOf(50e6, step, 5), 6);
  assert.equal(levelOf(50e6, 0, many), SAME);
});

test("the legend of differences is in time a step", () => {
  assert.deepEqual(levelTexts(160e6).map(spaces), [
    "from \u22126.40 ms",
    "from \u22121.60 ms",
    "from \u2212400 \u00b5s",
    "within \u00b1400 \u00b5s, or few samples",
    "from +400 \u00b5s",
    "from +1.60 ms",
    "from +6.40 ms",
  ]);
});

test("by the baseline's width, frames that are gone have a width", () => {
  const profile = handMade(["1 main 1 0 0 0", "2 now 1 0 100 0", "2 gone 1 0 0 400"]);
  const scene = sceneWith(profile, { width: "baseline" });
  assert.deepEqual([...scene.width], [400, 400, 0, 400]);
  assert.deepEqual([...sceneWith(profile).width], [100, 100, 100, 0]);
});

test("a link is found from the frame that it begins at, from those below it, and in every view", () => {
  const lines = ["1 main 1 0 0 0", "2 next 0 0 0 0", "3 wait 0 0 50 0", "2 work 1 1 20 0"];
  const profile = handMade(lines, { links: [[0, 3, 0, 4]] });
  assert.equal(sceneWith(profile).link(3).other, 4);
  assert.equal(sceneWith(profile).link(2), undefined);
  assert.equal(sceneWith(handMade(lines, { links: [[0, 2, 0, 4]] })).link(3).other, 4);
  const collapsed = sceneWith(profile, { collapsed: true });
  assert.equal(collapsed.link(2).other, 4); // next and wait are one
  const bottomUp = sceneWith(profile, { bottomUp: true });
  assert.equal(bottomUp.name(1), "wait");
  assert.equal(bottomUp.link(1).other, 4);
});
