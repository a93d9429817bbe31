/**
 * The ways to look at one tree: as sampled, runs of library frames joined, and bottom-up.
 *
 * A view is {tree, shown, own, target, source, joined, isBottomUp}: `shown` is the category that colours each
 * node, `own` that of the time it has by itself, `target` says in which of its nodes the time of each sampled
 * node stands, `source` which sampled node stands for each of its nodes, `joined` how many frames were joined
 * into each. Time changes with the chosen steps, so a view holds none.
 */

import { Growth } from "./growth.js";
import { ROOT, addUp } from "./tree.js";

const PURE = 0.8;
/** A frame has the colour of a category that fills this share of it; a fifth of something else can be seen below. */

const LARGE = 3_000;
const LEAST_SHARE = 1e-4;
/** In a tree of more nodes than LARGE, callers of less than this share are left out bottom-up: a tenth of a pixel. */

/** Return what each node of a view has by itself, of what each sampled node has by itself. */
export function standing(self, view) {
  if (view.target === view.source) return new Float64Array(self); // as sampled
  const stood = new Float64Array(view.tree.size);
  for (let node = 0; node < self.length; node++) stood[view.target[node]] += self[node];
  return stood;
}

/** Return the view of the tree as it was sampled; `parts` are columns {node, category, ticks}. */
export function sampledView(tree, parts, categories) {
  const itself = numbersTo(tree.size);
  const shown = shownCategories(tree, parts, categories);
  const own = ownCategories(tree, parts);
  return { tree, shown, own, target: itself, source: itself, joined: null, isBottomUp: false };
}

/** Return for each node the category that fills it and all below, or `categories` where none does. */
function shownCategories(tree, { node, category, ticks }, categories) {
  const whole = new Float64Array(tree.size);
  for (let row = 0; row < node.length; row++) whole[node[row]] += ticks[row];
  addUp(tree, whole);
  const shown = new Uint8Array(tree.size).fill(categories);
  for (const present of new Set(category)) {
    const part = new Float64Array(tree.size);
    for (let row = 0; row < node.length; row++) if (category[row] === present) part[node[row]] += ticks[row];
    addUp(tree, part);
    for (let at = 0; at < tree.size; at++) if (part[at] > whole[at] * PURE) shown[at] = present;
  }
  for (let at = 0; at < tree.size; at++) if (!whole[at]) shown[at] = tree.category[at];
  return shown;
}

/** Return for each node the category that most of its own time has. */
function ownCategories(tree, { node, category, ticks }) {
  const own = tree.category.slice();
  const most = new Float64Array(tree.size);
  for (let row = 0; row < node.length; row++) {
    if (ticks[row] <= most[node[row]]) continue;
    most[node[row]] = ticks[row];
    own[node[row]] = category[row];
  }
  return own;
}

/** Return a view in which library frames that call one another in one category are one frame. */
export function collapsedView(view, isOwn, counts) {
  const { tree, shown } = view;
  const grown = new Growth(tree.frame[ROOT], shown[ROOT], counts);
  const joined = [0];
  const at = new Uint32Array(tree.size);
  for (let node = 1; node < tree.size; node++) {
    const parent = tree.parent[node];
    const library = !isOwn(tree.frame[node]) && !isOwn(tree.frame[parent]);
    if (library && parent !== ROOT && shown[node] === shown[parent]) {
      at[node] = at[parent];
      joined[at[node]]++;
      continue;
    }
    at[node] = grown.child(at[parent], tree.frame[node], shown[node]);
    joined[at[node]] ??= 0;
    if (grown.source[at[node]] < 0) grown.source[at[node]] = view.source[node];
  }
  const { tree: laid, number, old } = grown.laidOut();
  return {
    tree: laid,
    shown: laid.category,
    own: laid.category,
    target: view.target.map((node) => number[at[node]]),
    source: Uint32Array.from(old, (node) => grown.source[node]),
    joined: Uint32Array.from(old, (node) => joined[node]),
    isBottomUp: false,
  };
}

/** Return a view whose first row is the frames that time was spent in, with their callers below them. */
export function bottomUpView(view, weight, counts) {
  const { tree, shown } = view;
  const grown = new Growth(tree.frame[ROOT], shown[ROOT], counts);
  const least = leastWeight(weight);
  const at = new Uint32Array(tree.size);
  const caller = numbersTo(tree.size);
  const heaviest = [0];
  let walking = caller.filter((node) => node !== ROOT && weight[node] > 0);
  while (walking.length) {
    for (const leaf of walking) {
      const place = grown.child(at[leaf], tree.frame[caller[leaf]], view.own[leaf]);
      grown.weight[place] += weight[leaf];
      if (!(heaviest[place] >= weight[leaf])) {
        heaviest[place] = weight[leaf];
        grown.source[place] = view.source[caller[leaf]];
      }
      at[leaf] = place;
      caller[leaf] = tree.parent[caller[leaf]];
    }
    walking = walking.filter((leaf) => caller[leaf] !== ROOT && grown.weight[at[leaf]] >= least);
  }
  const { tree: laid, number, old } = grown.laidOut(grown.byWeight());
  return {
    tree: laid,
    shown: laid.category,
    own: laid.category,
    target: view.target.map((node) => number[at[node]]),
    source: Uint32Array.from(old, (node) => grown.source[node]),
    joined: null,
    isBottomUp: true,
  };
}

function leastWeight(weight) {
  if (weight.length <= LARGE) return 0;
  let whole = 0;
  for (const part of weight) whole += part;
  return whole * LEAST_SHARE;
}

/** Return 0, 1, 2 and so on, below `size`. */
function numbersTo(size) {
  const numbers = new Uint32Array(size);
  for (let i = 0; i < size; i++) numbers[i] = i;
  return numbers;
}
