/** The chart of steps: every step is in one column, and words say what columns show. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { STACK, scaleOf } from "../src/steps/chart.js";
import { columnsOf, rangeOf } from "../src/steps/columns.js";
import { allText, rangeText } from "../src/steps/words.js";
import { anyProfile } from "./made.mjs";

const groupsOf = ({ categories }) =>
  STACK.map((key) => categories.flatMap(({ colour }, place) => (colour === key ? [place] : [])));

test("columns hold every step once, and its time", () => {
  for (const [steps, most] of [[20, 100], [20, 20], [20, 7], [50, 1], [3, 0]]) {
    const profile = anyProfile(1, { steps });
    const columns = columnsOf(profile.steps, groupsOf(profile), most);
    assert.equal(columns[0].first, 0);
    assert.equal(columns.at(-1).end, steps);
    columns.slice(1).forEach((column, place) => assert.equal(column.first, columns[place].end));
    for (const { first, end, ns } of columns) {
      assert.ok(end > first);
      assert.ok(Math.abs(ns - profile.steps.mean(first, end)) < 1e-3);
    }
  }
});

test("a place in the chart is the step that is drawn there", () => {
  const scale = scaleOf({ width: 700, height: 150 }, 40, 1e8);
  for (let step = 0; step < 40; step++) assert.equal(scale.step((scale.x(step) + scale.x(step + 1)) / 2), step);
  assert.equal(scale.step(-50), 0);
  assert.equal(scale.step(9000), 39);
  assert.equal(scale.y(0), scale.ground);
  assert.equal(scale.y(9e8), scale.y(1e8));
});

test("a drag to the left chooses the same steps as one to the right", () => {
  assert.deepEqual(rangeOf(3, 9), { first: 3, end: 10 });
  assert.deepEqual(rangeOf(9, 3), { first: 3, end: 10 });
});

test("words of a step, of several and of all", () => {
  const profile = anyProfile(5, { steps: 12 });
  const one = rangeText(profile, { first: 2, end: 3 }).replaceAll("\u00a0", " ");
  assert.match(one, /^Step 102: [\d.]+ ms\. Category \d+ \d+ µs \(\d+ %\)/);
  const some = rangeText(profile, { first: 2, end: 6 }).replaceAll("\u00a0", " ");
  assert.match(some, /^Steps 102 to 105: mean [\d.]+ ms, \d+ steps\/s\./);
  const all = (cutAtNs) => allText(profile, cutAtNs).replaceAll("\u00a0", " ");
  assert.match(all(Infinity), /^Median [\d.]+ ms, slowest [\d.]+ ms\.$/);
  assert.match(all(1), /; higher columns are cut\.$/);
});
