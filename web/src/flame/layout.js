/** Lay frames out in rows, and find frames by place: every search is binary in the index of one depth. */

import { NONE, ROOT, children } from "../data/tree.js";

/** Return where each node begins, in the unit of the widths: children from their parent's start, in order. */
export function positions(tree, width) {
  const start = new Float64Array(tree.size);
  const next = new Float64Array(tree.size);
  for (let node = 1; node < tree.size; node++) {
    const parent = tree.parent[node];
    start[node] = next[parent];
    next[node] = start[node];
    next[parent] += width[node];
  }
  return start;
}

/** Return the first place from `low` up to `high` at which `holds` is true, or `high`; true stays true. */
export function firstWhere(low, high, holds) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Return the place in `tree.order` of the first node of a depth that ends after x. */
export function firstEndingAfter({ tree, start, width }, depth, x) {
  const ends = (place) => start[tree.order[place]] + width[tree.order[place]];
  return firstWhere(tree.levels[depth], tree.levels[depth + 1], (place) => ends(place) > x);
}

/** Return the node of a depth that lies over x, or NONE. */
export function nodeAt(scene, depth, x) {
  const { tree, start, width } = scene;
  if (depth < 0 || depth > tree.deepest) return NONE;
  const place = firstEndingAfter(scene, depth, x);
  if (place === tree.levels[depth + 1]) return NONE;
  const node = tree.order[place];
  return start[node] <= x && width[node] > 0 ? node : NONE;
}

/** Return the nearest node with a width in a row, to the right (1) or left (-1), or NONE. */
export function neighbour({ tree, width }, node, direction) {
  const depth = tree.depth[node];
  const [from, to] = [tree.levels[depth], tree.levels[depth + 1]];
  let place = firstWhere(from, to, (at) => tree.order[at] >= node) + direction;
  while (place >= from && place < to && !width[tree.order[place]]) place += direction;
  return place >= from && place < to ? tree.order[place] : NONE;
}

/** Return the widest child, or NONE. */
export function widestChild({ tree, width }, node) {
  let widest = NONE;
  for (const child of children(tree, node)) {
    if (width[child] > (widest === NONE ? 0 : width[widest])) widest = child;
  }
  return widest;
}

/** Return the parent, or NONE for the root. */
export function caller({ tree }, node) {
  return node === ROOT ? NONE : tree.parent[node];
}
