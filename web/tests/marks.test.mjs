/** What is drawn: bounded by pixels, however many nodes there are, and nothing that is seen is left out. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { eachMark } from "../src/flame/marks.js";
import { cut } from "../src/flame/painter.js";
import { inside, isWhole, moved, scaled, showing, topInside, topShowing, wholeOf } from "../src/flame/viewport.js";
import { chance } from "./synthetic.mjs";
import { anyProfile, sceneWith } from "./made.mjs";

function marksOf(scene, view, size) {
  const found = [];
  eachMark(scene, view, size, (node, left, width, row) => found.push({ node, left, width, row }));
  return found;
}

test("a row has no more marks than pixels can show, none overlaps, none is outside", () => {
  for (let seed = 0; seed < 20; seed++) {
    const scene = sceneWith(anyProfile(seed, { nodes: 3000 }));
    const size = { width: 70 + seed, rows: 9 };
    const found = marksOf(scene, { ...wholeOf(scene), top: seed % 3 }, size);
    const rows = Array.from({ length: size.rows }, (_, row) => found.filter((mark) => mark.row === row));
    // A pixel may hold the end of a narrow mark and the beginning of a wide one.
    assert.ok(rows.every((row) => row.length <= 2 * size.width));
    assert.ok(found.every(({ left, width, row }) => left >= 0 && left + width <= size.width + 1e-6 && row < 9));
    for (const row of rows) {
      row.reduce((end, mark) => {
        assert.ok(mark.left >= end - 1);
        return mark.left + mark.width;
      }, 0);
    }
  }
});

test("every frame of a pixel or more is drawn where it lies", () => {
  const random = chance(9);
  for (let seed = 0; seed < 20; seed++) {
    const scene = sceneWith(anyProfile(seed, { nodes: 800 }));
    const x0 = random() * scene.whole * 0.8;
    const view = { x0, x1: x0 + scene.whole * (0.01 + random() * 0.2), top: 0 };
    const drawn = new Map(marksOf(scene, view, { width: 500, rows: 40 }).map((mark) => [mark.node, mark]));
    const scale = 500 / (view.x1 - view.x0);
    for (let node = 0; node < scene.tree.size; node++) {
      const left = Math.max(0, (scene.start[node] - x0) * scale);
      const right = Math.min(500, (scene.start[node] + scene.width[node] - x0) * scale);
      if (right - left < 1) continue;
      assert.ok(Math.abs(drawn.get(node).left - left) < 1e-6);
      assert.ok(Math.abs(drawn.get(node).width - (right - left)) < 1e-6);
      assert.equal(drawn.get(node).row, scene.tree.depth[node]);
    }
  }
});

test("a view stays inside the scene", () => {
  const scene = sceneWith(anyProfile(1));
  const random = chance(2);
  let view = wholeOf(scene);
  assert.ok(isWhole(view, scene));
  for (let move = 0; move < 300; move++) {
    const at = view.x0 + random() * (view.x1 - view.x0);
    const range = random() < 0.5 ? scaled(view, scene, at, 0.5 + random()) : moved(view, scene, (random() - 0.5) * 400);
    view = { ...view, ...range };
    assert.ok(view.x0 >= 0 && view.x1 <= scene.whole * (1 + 1e-12) && view.x1 > view.x0);
  }
  const far = inside(scene, 5, 5);
  assert.ok(far.x1 > far.x0);
});

test("zooming keeps what is under the pointer, dragging keeps the span", () => {
  const scene = sceneWith(anyProfile(1));
  const view = inside(scene, scene.whole * 0.3, scene.whole * 0.5);
  const at = scene.whole * 0.35;
  const near = scaled(view, scene, at, 0.5);
  assert.ok(Math.abs((at - near.x0) / (near.x1 - near.x0) - 0.25) < 1e-9);
  const end = moved(view, scene, scene.whole);
  assert.ok(Math.abs(end.x1 - scene.whole) < 1e-6);
  assert.ok(Math.abs(end.x1 - end.x0 - (view.x1 - view.x0)) < 1e-6);
});

test("a chosen frame comes into sight, and is wide enough to be seen", () => {
  for (let seed = 0; seed < 10; seed++) {
    const scene = sceneWith(anyProfile(seed, { nodes: 2000 }));
    for (let node = 0; node < scene.tree.size; node += 13) {
      if (!scene.width[node]) continue;
      const view = { x0: 0, x1: scene.whole, top: 4 };
      const range = showing(view, scene, node);
      const [begin, end] = [scene.start[node], scene.start[node] + scene.width[node]];
      assert.ok(Math.min(end, range.x1) - Math.max(begin, range.x0) > 0);
      assert.ok((end - begin) / (range.x1 - range.x0) >= 0.0039);
      const top = topShowing(view, scene, 6, node);
      assert.ok(scene.tree.depth[node] >= top && scene.tree.depth[node] < top + 6);
    }
    assert.equal(topInside(scene, 6, 900), Math.max(0, scene.tree.deepest + 1 - 6));
    assert.equal(topInside(scene, 6, -5), 0);
  }
});

test("labels are cut between characters", () => {
  assert.equal(cut("forward", 7), "forward");
  assert.equal(cut("forward", 5), "forw\u2026");
  assert.equal(cut("forward", 1), "");
  assert.equal(cut("ab\ud83d\ude00cd", 4), "ab\u2026");
});
