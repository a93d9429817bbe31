/** Read the profile that a page holds, with the page's own code. */

import { inflated, unpacked } from "../../web/src/data/payload.js";
import { profileOf } from "../../web/src/data/profile.js";
import { flameHash } from "../../web/src/flame/paths.js";
import { packedText } from "../../web/tests/synthetic.mjs";
import { pageText } from "./browser.mjs";

const ELEMENT = /<script[^>]*\bid="payload"[^>]*>([^<]*)<\/script>/;

/** Return the profile in a page's text, and its header. */
export async function profileIn(name) {
  const payload = unpacked(await inflated(ELEMENT.exec(pageText(name))[1]));
  return { ...profileOf(payload), head: payload.head };
}

/** Return a page's text with its payload changed by a function. */
export function withPayload(text, change) {
  return text.replace(ELEMENT, (whole, payload) => whole.replace(payload, () => change(payload)));
}

/** Return a page's text with the columns of its payload changed: `change` gets them as arrays, by name. */
export async function withColumns(name, change) {
  const text = pageText(name);
  const payload = unpacked(await inflated(ELEMENT.exec(text)[1]));
  const { sections, ...head } = payload.head;
  const columns = Object.fromEntries(sections.map(([column]) => [column, [...payload.column(column)]]));
  change(columns);
  const packed = packedText({ head, sections: sections.map(([column]) => [column, columns[column]]) });
  return withPayload(text, () => packed);
}

/** Return the link to a node of a tab. */
export const linkTo = (profile, tab, node) => `#${flameHash(tab, profile.frames, node)}`;

/** Return the deepest node of a tab with at least such a share of its time, and its share. */
export function deepNode(tab, least) {
  const total = Float64Array.from(tab.self);
  for (let node = tab.tree.size - 1; node > 0; node--) total[tab.tree.parent[node]] += total[node];
  let found = 0;
  for (let node = 0; node < tab.tree.size; node++) {
    if (total[node] >= least * total[0] && tab.tree.depth[node] > tab.tree.depth[found]) found = node;
  }
  return found;
}
