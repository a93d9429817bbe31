/** Trees and their layout, on trees by chance: what must hold for every one of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { NONE, ROOT, children, pathTo } from "../src/data/tree.js";
import { caller, neighbour, nodeAt, widestChild } from "../src/flame/layout.js";
import { anyProfile, sceneWith, sum } from "./made.mjs";

const SEEDS = Array.from({ length: 25 }, (_, seed) => seed);
const anyScene = (seed) => sceneWith(anyProfile(seed, { nodes: 2 + seed * 17 }));

test("a node lies below its parent, in its subtree's range", () => {
  for (const seed of SEEDS) {
    const { tree } = anyScene(seed);
    for (let node = 1; node < tree.size; node++) {
      const parent = tree.parent[node];
      assert.equal(tree.depth[node], tree.depth[parent] + 1);
      assert.ok(parent < node && node < tree.end[parent] && tree.end[node] <= tree.end[parent]);
    }
  }
});

test("a total is the node's own time and its children's totals", () => {
  for (const seed of SEEDS) {
    const { tree, total, self } = anyScene(seed);
    for (let node = 0; node < tree.size; node++) {
      assert.equal(total[node], self[node] + sum([...children(tree, node)].map((child) => total[child])));
    }
    assert.equal(total[ROOT], sum(self));
  }
});

test("the index has every node once, by depth and in order", () => {
  for (const seed of SEEDS) {
    const { tree } = anyScene(seed);
    assert.equal(new Set(tree.order).size, tree.size);
    for (let depth = 0; depth <= tree.deepest; depth++) {
      const row = [...tree.order.subarray(tree.levels[depth], tree.levels[depth + 1])];
      assert.ok(row.every((node) => tree.depth[node] === depth));
      assert.deepEqual(row, row.slice().sort((one, other) => one - other));
    }
  }
});

test("siblings lie side by side, inside their parent", () => {
  for (const seed of SEEDS) {
    const { tree, start, width } = anyScene(seed);
    for (let node = 0; node < tree.size; node++) {
      let at = start[node];
      for (const child of children(tree, node)) {
        assert.equal(start[child], at);
        at += width[child];
      }
      assert.ok(at <= start[node] + width[node]);
    }
  }
});

test("every place of a row is found, and none where there is nothing", () => {
  for (const seed of SEEDS) {
    const scene = anyScene(seed);
    const { tree, start, width } = scene;
    for (let node = 0; node < tree.size; node++) {
      if (!width[node]) continue;
      assert.equal(nodeAt(scene, tree.depth[node], start[node]), node);
      assert.equal(nodeAt(scene, tree.depth[node], start[node] + width[node] * 0.999), node);
    }
    assert.equal(nodeAt(scene, tree.deepest + 1, 0), NONE);
    assert.equal(nodeAt(scene, -1, 0), NONE);
    assert.equal(nodeAt(scene, 0, scene.whole), NONE);
  }
});

test("neighbours, callers and the widest child", () => {
  for (const seed of SEEDS) {
    const scene = anyScene(seed);
    const { tree, width } = scene;
    for (let node = 1; node < tree.size; node++) {
      if (!width[node]) continue;
      const right = neighbour(scene, node, 1);
      if (right !== NONE) assert.equal(neighbour(scene, right, -1), node);
      assert.ok(pathTo(tree, node).length === tree.depth[node]);
      const widest = widestChild(scene, caller(scene, node));
      assert.ok(width[widest] >= width[node]);
    }
    assert.equal(caller(scene, ROOT), NONE);
  }
});
