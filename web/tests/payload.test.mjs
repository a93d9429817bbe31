/** The payload comes back as it was packed, and what is damaged is refused in words. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DamagedPayload, inflated, unpacked } from "../src/data/payload.js";
import { profileOf } from "../src/data/profile.js";
import { bufferOf, packedBytes, packedText, someProfile } from "./synthetic.mjs";

test("every section comes back, also through gzip and base64 with line breaks", async () => {
  for (const seed of [1, 2, 3]) {
    const made = someProfile(seed);
    for (const buffer of [bufferOf(packedBytes(made)), await inflated(`\n${packedText(made)}\n`)]) {
      const payload = unpacked(buffer);
      assert.equal(payload.head.frames.name.length, made.head.frames.name.length);
      for (const [name, numbers] of made.sections) assert.deepEqual([...payload.column(name)], numbers);
    }
  }
});

test("a column has as many planes as its largest number needs, up to four", () => {
  const made = someProfile(4);
  const columns = { small: [7, 0, 255], two: [256], three: [2 ** 16, 5], large: [2 ** 32 - 1, 2 ** 31, 7], none: [] };
  made.sections.push(...Object.entries(columns));
  const payload = unpacked(bufferOf(packedBytes(made)));
  const planes = Object.fromEntries(payload.head.sections.map(([name, count]) => [name, count]));
  assert.deepEqual(Object.keys(columns).map((name) => planes[name]), [1, 2, 3, 4, 1]);
  for (const [name, numbers] of Object.entries(columns)) assert.deepEqual([...payload.column(name)], numbers);
});

test("text that was cut or changed is refused", async () => {
  const text = packedText(someProfile(5));
  const half = text.slice(0, text.length >> 1);
  const changed = `${text.slice(0, 400)}${text[400] === "A" ? "B" : "A"}${text.slice(401)}`;
  for (const damaged of [half, changed, "not base64 at all!", "AAAA"]) {
    await assert.rejects(inflated(damaged), DamagedPayload);
  }
});

test("bytes that end early, or hold another schema, are refused", () => {
  const bytes = packedBytes(someProfile(6));
  for (const length of [0, 3, 4, 40, bytes.length - 8]) {
    assert.throws(() => unpacked(bufferOf(bytes.subarray(0, length))), DamagedPayload);
  }
  const later = someProfile(6);
  later.head.schema = 3;
  assert.throws(() => unpacked(bufferOf(packedBytes(later))), /its schema is 3, not 2/);
});

test("columns that don't fit one another are refused", () => {
  const wrong = {
    "training.part_ticks": (numbers) => numbers.slice(1),
    "training.frame": (numbers) => numbers.map(() => 4000),
    "training.up": (numbers) => numbers.map((up, node) => (node === 3 ? 9 : up)),
    "training.row_ticks": (numbers) => numbers.slice(1),
    "steps.parts": (numbers) => numbers.slice(1),
  };
  for (const [name, damage] of Object.entries(wrong)) {
    const made = someProfile(7);
    const section = made.sections.find(([one]) => one === name);
    section[1] = damage(section[1]);
    const use = () => {
      const { tabs } = profileOf(unpacked(bufferOf(packedBytes(made))));
      assert.ok(tabs[0].tree);
      tabs[0].selfOf({ first: 0, end: 1 });
    };
    assert.throws(use, DamagedPayload, name);
  }
});

test("a missing section is named", () => {
  const made = someProfile(8);
  made.sections = made.sections.filter(([name]) => name !== "workers.frame");
  const { tabs } = profileOf(unpacked(bufferOf(packedBytes(made))));
  assert.throws(() => tabs[1].tree, /workers.frame is missing/);
});
