/** The page stays light: bytes, elements, and the processor's time until it is ready. */

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { open, pagePath } from "./browser.mjs";

const ASSETS = fileURLToPath(new URL("../../throughput/render/assets/", import.meta.url));
const ASSET_BYTES = 40_000; // of script and style sheet; web/build.mjs holds them where they are now
const ELEMENTS = 1_500; // more of them make an old laptop's page jump

const SLACK = 2;
/** Of time and of the script: machines that run tests are slower than those that people read reports on. */

const BUDGETS = {
  samples_10k: { bytes: 150_000, cpuMs: 300 },
  samples_100k: { bytes: 400_000, cpuMs: 300 },
};

test(`script and style sheet: ${(ASSET_BYTES * SLACK) / 1000} kB`, () => {
  const bytes = ["report.js", "report.css"].reduce((sum, name) => sum + statSync(ASSETS + name).size, 0);
  assert.ok(bytes <= ASSET_BYTES * SLACK, `${bytes} bytes`);
});

for (const [name, { bytes, cpuMs }] of Object.entries(BUDGETS)) {
  const most = { bytes, cpuMs: cpuMs * SLACK };
  test(`${name}: ${most.bytes / 1000} kB, ${ELEMENTS} elements, ${most.cpuMs} ms of the main thread`, async (t) => {
    const size = statSync(pagePath(name)).size;
    assert.ok(size <= most.bytes, `${size} bytes`);
    let session;
    const page = await open(name, {
      prepare: async (one) => {
        session = await one.context().newCDPSession(one);
        await session.send("Performance.enable", { timeDomain: "threadTicks" });
      },
    });
    const { metrics } = await session.send("Performance.getMetrics");
    const of = (wanted) => metrics.find((metric) => metric.name === wanted).value * 1000;
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    t.diagnostic(`${size} bytes, ${elements} elements, tasks ${of("TaskDuration")} ms, script ${of("ScriptDuration")} ms`);
    assert.ok(of("TaskDuration") > 1, "the processor's time was not measured");
    assert.ok(of("TaskDuration") <= most.cpuMs, `${of("TaskDuration")} ms`);
    assert.ok(elements <= ELEMENTS, `${elements} elements`);
    assert.equal(page.requests.length, 1);
  });
}
