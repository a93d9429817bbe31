/**
 * Grow another tree over the same profile, node by node, and lay it out in depth-first order.
 *
 * What a new view needs of it: where the time of each old node goes (`target`), and which old node stands
 * for each new one (`source`).
 */

import { NONE, ROOT, treeOf } from "./tree.js";

/** A tree that grows; siblings of the same frame and category are one node. */
export class Growth {
  #known = new Map();
  #frames;
  #categories;

  /**
   * @param frame the root's frame
   * @param category the root's category
   * @param counts how many frames and categories there are, which makes one number of all three keys
   */
  constructor(frame, category, counts) {
    [this.#frames, this.#categories] = [counts.frames, counts.categories];
    this.parent = [NONE];
    this.frame = [frame];
    this.category = [category];
    this.weight = [0];
    this.source = [ROOT];
  }

  get size() {
    return this.parent.length;
  }

  /** Return the child of a node that has this frame and category, new where there was none. */
  child(parent, frame, category) {
    const key = (parent * this.#frames + frame) * this.#categories + category;
    let node = this.#known.get(key);
    if (node === undefined) {
      node = this.parent.length;
      this.#known.set(key, node);
      this.parent.push(parent);
      this.frame.push(frame);
      this.category.push(category);
      this.weight.push(0);
      this.source.push(NONE);
    }
    return node;
  }

  /** Return the grown tree in depth-first order, siblings as `order` lists them, and each node's number in it. */
  laidOut(order = this.parent.keys()) {
    const { number, depth, old } = depthFirst(this.parent, [...order]);
    const frame = Uint32Array.from(old, (node) => this.frame[node]);
    const category = Uint8Array.from(old, (node) => this.category[node]);
    return { tree: treeOf(depth, frame, category), number, old };
  }

  /** Return all nodes, of siblings the heaviest first. */
  byWeight() {
    return [...this.parent.keys()].sort((one, other) => this.weight[other] - this.weight[one]);
  }
}

/** Return the depth-first number of each node, the depths in that order, and the node of each number. */
function depthFirst(parent, order) {
  const size = parent.length;
  const firstChild = new Int32Array(size).fill(NONE);
  const nextSibling = new Int32Array(size).fill(NONE);
  for (const node of order.reverse()) {
    if (node === ROOT) continue;
    nextSibling[node] = firstChild[parent[node]];
    firstChild[parent[node]] = node;
  }
  const number = new Uint32Array(size);
  const old = new Uint32Array(size);
  const depth = new Uint32Array(size);
  let next = 0;
  for (let node = ROOT, at = 0; node !== NONE; ) {
    number[node] = next;
    old[next] = node;
    depth[next++] = at;
    if (firstChild[node] !== NONE) {
      node = firstChild[node];
      at++;
      continue;
    }
    while (node !== NONE && nextSibling[node] === NONE) {
      node = parent[node];
      at--;
    }
    if (node !== NONE) node = nextSibling[node];
  }
  return { number, depth, old };
}
