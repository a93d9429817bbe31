/** Search, links to frames and the speedscope file. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { speedscopeParts } from "../src/data/speedscope.js";
import { ROOT, pathTo } from "../src/data/tree.js";
import { flameHash, nodeOfPath, parsedHash } from "../src/flame/paths.js";
import { framesMatching, framesOfFunction, outermost } from "../src/flame/search.js";
import { anyProfile, handMade, sceneWith, sum } from "./made.mjs";

const names = ({ frames }, matches) =>
  [...matches].flatMap((match, frame) => (match ? [frames.name(frame)] : []));

test("a part of a name or place, in any case, or an expression between slashes", () => {
  const profile = handMade(["1 Conv2d 1 0 1 0", "2 conv1d 1 0 1 0", "3 <img> 1 0 1 0"]);
  assert.deepEqual(names(profile, framesMatching(profile.frames, "CONV")), ["Conv2d", "conv1d"]);
  assert.deepEqual(names(profile, framesMatching(profile.frames, "/conv\\dd/")), ["Conv2d", "conv1d"]);
  assert.deepEqual(names(profile, framesMatching(profile.frames, "/^conv1/")), ["conv1d"]);
  assert.deepEqual(names(profile, framesMatching(profile.frames, "<img>")), ["<img>"]);
  assert.deepEqual(names(profile, framesMatching(profile.frames, "train.py:2")), ["conv1d"]);
  assert.deepEqual(names(profile, framesMatching(profile.frames, "/(/")), []);
  assert.equal(framesMatching(profile.frames, ""), null);
});

test("matches inside matches are not counted twice", () => {
  for (let seed = 0; seed < 25; seed++) {
    const scene = sceneWith(anyProfile(seed, { frames: 8 }));
    const matches = new Uint8Array(8).fill(1, 2, 5);
    const found = outermost(scene.tree, scene.width, matches);
    const covered = scene.self.reduce((all, ticks, node) => {
      const inside = [ROOT, ...pathTo(scene.tree, node)].some((at) => matches[scene.frame(at)]);
      return all + (inside ? ticks : 0);
    }, 0);
    assert.equal(sum(found.map((node) => scene.total[node])), covered);
  }
});

test("a function is found in its file, or by its name alone", () => {
  const profile = handMade(["1 load 1 0 1 0", "2 save 1 0 1 0"]);
  assert.deepEqual(names(profile, framesOfFunction(profile.frames, { name: "load", file: "src/train.py" })), ["load"]);
  assert.deepEqual(names(profile, framesOfFunction(profile.frames, { name: "load", file: "other.py" })), ["load"]);
  assert.deepEqual(names(profile, framesOfFunction(profile.frames, { name: "none", file: "train.py" })), []);
});

test("a link leads back to its frame, whatever the names hold", () => {
  const odd = ["1 a/b 1 0 5 0", "2 100% 1 0 5 0", "3 <img\u2028src=x> 1 0 5 0", "3 \u00e9# 1 0 5 0"];
  const profile = handMade(odd);
  const [tab] = profile.tabs;
  for (let node = 1; node < tab.tree.size; node++) {
    const { tab: id, names: path } = parsedHash(flameHash(tab, profile.frames, node));
    assert.equal(id, "training");
    assert.equal(nodeOfPath(tab, profile.frames, path, tab.self), node);
  }
  assert.equal(parsedHash("hotspot-3"), null);
  assert.equal(parsedHash("flame=%"), null);
  assert.equal(nodeOfPath(tab, profile.frames, ["nothing"], tab.self), -1);
  assert.equal(nodeOfPath(tab, profile.frames, [], tab.self), ROOT);
});

test("of frames of one name, a link takes the widest that has the rest of its path", () => {
  const profile = handMade(["1 f 1 0 9 0", "1 g 1 0 1 0", "2 h 1 0 1 0", "1 g 1 1 5 0"]);
  const [tab] = profile.tabs;
  assert.equal(nodeOfPath(tab, profile.frames, ["g", "h"], tab.self), 3);
  assert.equal(nodeOfPath(tab, profile.frames, ["g"], tab.self), 4);
});

test("speedscope: each tab's time, in stacks that lead from its first frames down", () => {
  for (let seed = 0; seed < 10; seed++) {
    const profile = anyProfile(seed);
    const file = JSON.parse(speedscopeParts(profile, "a run").join(""));
    assert.equal(file.$schema, "https://www.speedscope.app/file-format-schema.json");
    assert.equal(file.profiles.length, profile.tabs.length);
    for (const [place, made] of file.profiles.entries()) {
      const tab = profile.tabs[place];
      assert.equal(made.type, "sampled");
      assert.equal(made.samples.length, made.weights.length);
      assert.equal(sum(made.weights), tab.totalTicks * tab.ticksNs);
      assert.equal(made.endValue, sum(made.weights));
      assert.ok(made.samples.flat().every((frame) => file.shared.frames[frame].name === profile.frames.name(frame)));
    }
  }
});
