/**
 * Turn depth-first columns into a tree that can be asked about.
 *
 * A node is its number in depth-first order, so a subtree is a range of numbers and sums are one pass.
 */

import { DamagedPayload } from "./payload.js";

export const ROOT = 0;
export const NONE = -1;

/**
 * Return the tree of depth-first columns.
 *
 * The result holds for each node `depth`, `frame`, `category` (of its own time), `parent` and `end` (the
 * number after its subtree), and one index: `order` has all nodes by depth, of which those of depth d stand
 * from `levels[d]` to `levels[d + 1]`.
 */
export function treeOf(depth, frame, category) {
  const size = depth.length;
  const parent = parentsOf(depth);
  const end = new Uint32Array(size);
  for (let node = size - 1; node >= 0; node--) {
    end[node] = Math.max(end[node], node + 1);
    if (node > ROOT) end[parent[node]] = Math.max(end[parent[node]], end[node]);
  }
  return { size, depth, frame, category, parent, end, ...indexByDepth(depth) };
}

function parentsOf(depth) {
  if (!depth.length || depth[ROOT] !== 0) throw new DamagedPayload("a tree has no root");
  const parent = new Int32Array(depth.length);
  const path = [ROOT];
  parent[ROOT] = NONE;
  for (let node = 1; node < depth.length; node++) {
    const at = depth[node];
    if (at < 1 || at > depth[node - 1] + 1) throw new DamagedPayload("a tree has a node without parent");
    parent[node] = path[at - 1];
    path[at] = node;
  }
  return parent;
}

function indexByDepth(depth) {
  let deepest = 0;
  for (const at of depth) if (at > deepest) deepest = at;
  const levels = new Uint32Array(deepest + 2);
  for (const at of depth) levels[at + 1]++;
  for (let d = 1; d < levels.length; d++) levels[d] += levels[d - 1];
  const next = levels.slice();
  const order = new Uint32Array(depth.length);
  for (let node = 0; node < depth.length; node++) order[next[depth[node]]++] = node;
  return { deepest, levels, order };
}

/** Return what each node and all below it have, of what each has by itself. */
export function totals(tree, self) {
  const sums = new Float64Array(self);
  addUp(tree, sums);
  return sums;
}

/** Add to each node's number those of all below it. */
export function addUp(tree, sums) {
  for (let node = tree.size - 1; node > ROOT; node--) sums[tree.parent[node]] += sums[node];
}

/** Yield the children of a node, in their order. */
export function* children(tree, node) {
  for (let child = node + 1; child < tree.end[node]; child = tree.end[child]) yield child;
}

/** Return the nodes from the root's child down to the node itself; none for the root. */
export function pathTo(tree, node) {
  const path = [];
  for (let at = node; at > ROOT; at = tree.parent[at]) path.push(at);
  return path.reverse();
}
