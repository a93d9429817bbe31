/** The page writes numbers as the rest of the report does: the same table tests both. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as units from "../src/units.js";

const table = JSON.parse(readFileSync(new URL("./units.json", import.meta.url), "utf8"));

test("every row of the shared table", () => {
  for (const [name, values, text] of table) {
    assert.equal(units[name](...values), text, `${name}(${values.join(", ")})`);
  }
});

test("the table has every function that the page has", () => {
  const functions = Object.keys(units).filter((name) => typeof units[name] === "function");
  assert.deepEqual(new Set(table.map(([name]) => name)), new Set(functions));
});

test("what is no number was not measured", () => {
  for (const value of [NaN, Infinity, -Infinity, undefined]) {
    for (const name of ["percent", "duration", "difference", "count"]) {
      assert.equal(units[name](value), units.NOT_MEASURED);
    }
  }
});

test("a share that is not zero never reads as zero", () => {
  for (let share = 1e-9; share < 1; share *= 1.37) {
    const text = units.percent(share).replace(/\u00a0%$/, "");
    assert.ok(text.startsWith("<") || Number(text) > 0, `${share}: ${text}`);
  }
});
