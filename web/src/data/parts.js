/** Turn the parts of a tab, one for each node and category, into columns {node, category, ticks}. */

import { DamagedPayload } from "./payload.js";

/** Return a tab's parts; where the payload has none, all of a node's own time is of the node's category. */
export function partsOf(payload, tab) {
  if (!payload.has(`${tab.id}.part_node`)) return partsOfNodes(tab.self, tab.tree.category);
  const [delta, category, ticks] = ["node", "category", "ticks"].map((name) =>
    payload.column(`${tab.id}.part_${name}`),
  );
  if (category.length !== delta.length || ticks.length !== delta.length) {
    throw new DamagedPayload(`the parts of ${tab.id} differ in length`);
  }
  const node = new Uint32Array(delta.length);
  let at = 0;
  for (let row = 0; row < delta.length; row++) {
    at += delta[row];
    if (at >= tab.self.length) throw new DamagedPayload(`${tab.id} has a part without node`);
    node[row] = at;
  }
  return { node, category, ticks };
}

/** Return one part for each node that has ticks of its own; `scale` makes them ticks of another length. */
export function partsOfNodes(self, categories, scale = 1) {
  let size = 0;
  for (let at = 0; at < self.length; at++) if (self[at]) size++;
  const node = new Uint32Array(size);
  const category = new Uint8Array(size);
  const ticks = new Float64Array(size);
  for (let at = 0, row = 0; at < self.length; at++) {
    if (!self[at]) continue;
    node[row] = at;
    category[row] = categories[at];
    ticks[row++] = self[at] * scale;
  }
  return { node, category, ticks };
}

/** Return the parts of both. */
export function bothParts(one, other) {
  const joined = (Type, name) => {
    const column = new Type(one[name].length + other[name].length);
    column.set(one[name]);
    column.set(other[name], one[name].length);
    return column;
  };
  return {
    node: joined(Uint32Array, "node"),
    category: joined(Uint8Array, "category"),
    ticks: joined(Float64Array, "ticks"),
  };
}
