/** Turn the parts of a tab, one for each node and category, into columns {node, category, ticks}. */

import { DamagedPayload } from "./payload.js";

/** Return the parts of a tab with so many nodes. */
export function partsOf(payload, id, size) {
  const [delta, category, ticks] = payload.columns(`${id}.part_`, ["node", "category", "ticks"]);
  const node = new Uint32Array(delta.length);
  let at = 0;
  for (let row = 0; row < delta.length; row++) {
    at += delta[row];
    if (at >= size) throw new DamagedPayload(`${id} has a part without node`);
    node[row] = at;
  }
  return { node, category, ticks };
}

/** Return the sum of each node's parts. */
export function summed({ node, ticks }, size) {
  const sums = new Float64Array(size);
  for (let row = 0; row < node.length; row++) sums[node[row]] += ticks[row];
  return sums;
}

/** Return these parts, and one more for each node that has ticks in another column; `scale` is theirs in these. */
export function partsAnd(parts, { ticks, categories, scale }) {
  const rows = [];
  for (let at = 0; at < ticks.length; at++) if (ticks[at]) rows.push(at);
  const joined = (Type, column, more) => {
    const both = new Type(column.length + rows.length);
    both.set(column);
    for (const [place, at] of rows.entries()) both[column.length + place] = more(at);
    return both;
  };
  return {
    node: joined(Uint32Array, parts.node, (at) => at),
    category: joined(Uint8Array, parts.category, (at) => categories[at]),
    ticks: joined(Float64Array, parts.ticks, (at) => ticks[at] * scale),
  };
}
