/** For every reader: no accessibility violation, nothing cut off, large text, forced colours, paper. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW, WIDE, axeSource, coloursOf, open, openWithText, overflowOf } from "./browser.mjs";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const openAll = (page) =>
  page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));

async function violations(page) {
  await page.evaluate(axeSource);
  const { violations: found } = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  return found.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
}

/** Return what is cut off or laid over its neighbour: text wider than the box that it stands in. */
function cutTexts(page) {
  return page.evaluate(() => {
    const inner = ".scroll, .src, .split, .iv, .vh, .fix, [hidden]";
    const wanted = "h1, h2, h3, p, li, dt, dd, button, label, summary > span, .leg span, .tag";
    return [...document.querySelectorAll(wanted)]
      .filter((element) => element.clientWidth > 0 && !element.closest(inner))
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .map((element) => `${element.tagName} ${element.className}: ${element.textContent.trim().slice(0, 60)}`);
  });
}

for (const name of ["story", "against"]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [WIDE, NARROW]) {
      test(`${name}, ${colorScheme}, ${viewport.width} px: no violation, nothing cut off`, async () => {
        const page = await open(name, { colorScheme, viewport });
        await openAll(page);
        await page.focus("#flame-box");
        for (const key of ["ArrowDown", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
        assert.deepEqual(await violations(page), []);
        assert.ok((await overflowOf(page)) <= 0);
        assert.deepEqual(await cutTexts(page), []);
      });
    }
  }
}

for (const name of ["hostile", "empty", "one_step", "no_workers", "no_source", "long_name", "ranks", "gpus"]) {
  test(`${name}: no violation, nothing cut off, on a telephone`, async () => {
    const page = await open(name, { viewport: NARROW });
    await openAll(page);
    assert.deepEqual(await violations(page), []);
    assert.ok((await overflowOf(page)) <= 0);
  });
}

test("the list of keys has no violation", async () => {
  const page = await open("story", { viewport: NARROW });
  await page.keyboard.press("?");
  assert.deepEqual(await violations(page), []);
});

for (const viewport of [WIDE, { width: 800, height: 900 }]) {
  test(`text of 200 % at ${viewport.width} px: larger letters, in the canvas as well, and nothing cut off`, async () => {
    const page = await openWithText("story", 32, viewport);
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize), "32px");
    await openAll(page);
    assert.ok((await overflowOf(page)) <= 0);
    assert.deepEqual(await cutTexts(page), []);
    const rows = await page.evaluate(() => document.querySelector("#flame-box canvas").clientHeight % 36);
    assert.equal(rows, 0);
    assert.deepEqual(page.errors, []);
  });
}

test("forced colours: the graph is drawn with edges, and there is no violation", async () => {
  const page = await open("story", { forcedColors: "active" });
  assert.ok((await coloursOf(page, "#flame-box canvas")) > 5);
  assert.deepEqual(await violations(page), []);
  const plain = await open("story");
  const picture = (one) => one.evaluate(() => document.querySelector("#flame-box canvas").toDataURL());
  assert.notEqual(await picture(page), await picture(plain));
});

test("prints all details, in light colours, and puts everything back", async () => {
  const page = await open("story", { colorScheme: "dark" });
  const before = await page.locator("details[open]").count();
  await page.evaluate(() => {
    addEventListener("beforeprint", () => {
      window.printed = {
        closed: document.querySelectorAll("details:not([open])").length,
        theme: document.documentElement.dataset.theme,
        corner: [...document.querySelector("#flame-box canvas").getContext("2d").getImageData(0, 0, 1, 1).data],
      };
    });
  });
  const pdf = await page.pdf({ format: "A4", printBackground: true });
  assert.ok(pdf.length > 20_000);
  const printed = await page.evaluate(() => window.printed);
  assert.equal(printed.closed, 0);
  assert.equal(printed.theme, "light");
  assert.equal(await page.locator("details[open]").count(), before);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  assert.deepEqual(page.errors, []);
});
