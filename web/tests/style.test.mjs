/** The style sheet: every colour that a canvas reads is there in light and dark; nothing is set as markup. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const colours = read("../src/css/colours.css");

const blocks = colours.split(":root {").slice(1);

test("the dark colours are the first media rule, for screens only: the script rewrites its condition", () => {
  assert.match(colours, /^[^@]*@media screen and \(prefers-color-scheme: dark\) \{\s*:root \{\s*color-scheme: dark;/);
});

test("colours of categories and differences are defined in light and dark", () => {
  const keys = ["data", "h2d", "gpu", "lock", "other", "mixed"];
  const both = [...keys, ...keys.map((key) => `${key}-soft`), "soft-ink", "surface", "ink", "mute", "accent", "dim"];
  const levels = Array.from({ length: 7 }, (_, level) => `d${level}`);
  for (const block of blocks.slice(0, 2)) {
    for (const name of [...both, ...levels]) assert.match(block, new RegExp(`--${name}:`), name);
  }
});

test("no text is set as markup, and no style sheet or script names a host", () => {
  const folders = ["../src/", "../src/css/", "../src/data/", "../src/flame/", "../src/page/", "../src/steps/"];
  for (const folder of folders) {
    for (const name of readdirSync(new URL(folder, import.meta.url)).filter((one) => /\.(js|css)$/.test(one))) {
      const text = read(folder + name);
      assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/, name);
      assert.doesNotMatch(text.replace("https://www.speedscope.app/file-format-schema.json", ""), /https?:|url\(/, name);
    }
  }
});
