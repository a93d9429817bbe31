/**
 * Build the report page's script and style sheet into the Python package.
 *
 *   node build.mjs           write throughput/render/assets/report.{js,css}
 *   node build.mjs --check   exit with 1 where the files there are others, and write nothing
 */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ASSETS = fileURLToPath(new URL("../throughput/render/assets/", import.meta.url));
const ENTRIES = ["report.js", "report.css"];

const MOST_BYTES = 61_500;
/** Of both files, so that they do not grow unseen. The design asked for 40 kB, of a page without bottom-up and collapsed
 * views, links between tabs, choosing steps by keys, downloads and exact number formats. With them about 60 kB is the
 * least that was found: no code or rule is unused, and shorter names of our own properties would save some 2 kB. */

const UNSAFE = /<\/script|<!--/i;
/** What would end the script element that the page puts the script into, or begin a comment in it. */

async function built(name) {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(`src/${name}`, import.meta.url))],
    bundle: true,
    charset: "ascii",
    format: "iife",
    legalComments: "none",
    minify: true,
    target: name.endsWith(".js") ? "es2022" : ["chrome111", "firefox113", "safari16.4"],
    write: false,
  });
  return result.outputFiles[0].text;
}

function refuse(sentence) {
  console.error(sentence);
  process.exit(1);
}

const texts = await Promise.all(ENTRIES.map(built));
const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
if (UNSAFE.test(texts[0])) refuse("report.js holds text that would end its element in the page");
if (texts.some((text) => /<\/style/i.test(text))) refuse("an asset holds the end of a style element");
if (bytes > MOST_BYTES) refuse(`script and style sheet have ${bytes} bytes, over ${MOST_BYTES}`);

for (const [place, name] of ENTRIES.entries()) {
  if (process.argv.includes("--check")) {
    const kept = await readFile(ASSETS + name, "utf8").catch(() => "");
    if (kept !== texts[place]) refuse(`${name} is not what web/src builds to: run "npm run build" in web/`);
  } else {
    await writeFile(ASSETS + name, texts[place]);
  }
}
console.log(`${ENTRIES.join(", ")}: ${bytes} bytes`);
