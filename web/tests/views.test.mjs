/** The other ways to look at a tree show the same time in other places. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT } from "../src/data/tree.js";
import { anyProfile, handMade, sceneWith, sum, written } from "./made.mjs";

const LOOP = [
  "1 main 1 0 0 0",
  "2 next 0 0 0 0",
  "3 get 0 0 2 0",
  "4 wait 0 0 58 34",
  "4 poll 0 5 10 0",
  "2 forward 1 2 1 0",
  "3 call 0 2 0 0",
  "4 conv 0 2 20 20",
  "4 mine 1 2 9 9",
  "5 conv 0 2 4 4",
];

test("collapsed: library frames that call one another in one category are one", () => {
  const scene = sceneWith(handMade(LOOP), { collapsed: true });
  assert.deepEqual(written(scene), [
    "0 step 104",
    "1 main 104",
    "2 next 70",
    "3 poll 10",
    "2 forward 34",
    "3 call 33",
    "4 mine 13",
    "5 conv 4",
  ]);
  assert.deepEqual([2, 3, 5].map((node) => scene.joined(node)), [2, 0, 1]);
});

test("bottom-up: the frames that time was spent in, the most first, callers below", () => {
  const lines = written(sceneWith(handMade(LOOP), { bottomUp: true }));
  assert.deepEqual(lines.slice(0, 6), ["0 step 104", "1 wait 58", "2 get 58", "3 next 58", "4 main 58", "1 conv 24"]);
  const conv = lines.slice(5, lines.indexOf("1 mine 9"));
  assert.deepEqual(conv, ["1 conv 24", "2 call 20", "3 forward 20", "4 main 20", "2 mine 4", "3 call 4", "4 forward 4", "5 main 4"]);
});

test("bottom-up and collapsed: which library call, from which of our lines", () => {
  const lines = written(sceneWith(handMade(LOOP), { bottomUp: true, collapsed: true }));
  assert.deepEqual(lines.slice(0, 4), ["0 step 104", "1 next 60", "2 main 60", "1 call 20"]);
});

test("no view loses or doubles time, of this run and of the baseline", () => {
  for (let seed = 0; seed < 25; seed++) {
    const profile = anyProfile(seed, { nodes: 2 + seed * 23, frames: 3 + seed });
    const plain = sceneWith(profile);
    for (const options of [{ collapsed: true }, { bottomUp: true }, { collapsed: true, bottomUp: true }]) {
      const scene = sceneWith(profile, options);
      assert.equal(scene.total[ROOT], plain.total[ROOT]);
      assert.equal(scene.base[ROOT], plain.base[ROOT]);
      assert.equal(sum(scene.self), sum(plain.self));
    }
  }
});

test("bottom-up: each first row's frame has the time that was spent in it", () => {
  for (let seed = 0; seed < 25; seed++) {
    const profile = anyProfile(seed, { nodes: 200, frames: 12 });
    const plain = sceneWith(profile);
    const scene = sceneWith(profile, { bottomUp: true });
    const spent = new Map();
    plain.self.forEach((ticks, node) => {
      if (node !== ROOT) spent.set(plain.name(node), (spent.get(plain.name(node)) ?? 0) + ticks);
    });
    const shown = new Map();
    for (let node = 1; node < scene.tree.size; node++) {
      if (scene.tree.depth[node] === 1) {
        shown.set(scene.name(node), (shown.get(scene.name(node)) ?? 0) + scene.total[node]);
      }
    }
    for (const [name, ticks] of spent) assert.equal(shown.get(name) ?? 0, ticks, name);
  }
});

test("a node stands for a sampled one of the same function", () => {
  for (let seed = 0; seed < 10; seed++) {
    const profile = anyProfile(seed);
    const plain = sceneWith(profile);
    for (const options of [{}, { collapsed: true }, { bottomUp: true }, { collapsed: true, bottomUp: true }]) {
      const scene = sceneWith(profile, options);
      for (let node = 0; node < scene.tree.size; node++) {
        assert.equal(plain.name(scene.sampled(node)), scene.name(node));
      }
    }
  }
});

test("a frame has the colour of the category that fills it, or that of several", () => {
  const scene = sceneWith(handMade(LOOP));
  const several = scene.profile.categories.length;
  const shown = Object.fromEntries([...scene.view.shown].map((category, node) => [scene.name(node), category]));
  assert.equal(shown.main, several);
  assert.equal(shown.get, 0); // 94 of 104, both runs
  assert.equal(shown.poll, 5);
  assert.equal(shown.forward, 2);
});

test("callers of next to nothing are left out of a large tree, and their time stays", () => {
  const lines = ["1 main 1 0 0 0", "2 heavy 1 0 1000000 0"];
  for (let i = 0; i < 60_000; i++) lines.push(`2 f${i % 7} 1 0 0 0`, `3 g${i % 1000} 1 0 1 0`);
  const scene = sceneWith(handMade(lines), { bottomUp: true });
  assert.equal(scene.total[ROOT], 1_060_000);
  assert.ok(scene.tree.size < 2000, String(scene.tree.size));
});
