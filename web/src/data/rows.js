/** Turn the rows of a tab, one for each leaf seen in each step, into the time of chosen steps. */

import { DamagedPayload } from "./payload.js";

/** Return a tab's rows: where those of each step begin, and each row's leaf and ticks. */
export function rowsOf(payload, id) {
  const counts = payload.column(`${id}.rows`);
  const [delta, ticks] = payload.columns(`${id}.row_`, ["leaf", "ticks"]);
  const begins = new Uint32Array(counts.length + 1);
  for (let step = 0; step < counts.length; step++) begins[step + 1] = begins[step] + counts[step];
  if (delta.length !== begins[counts.length]) throw new DamagedPayload(`${id} lacks rows`);
  return { begins, leaf: leavesOf(delta, begins), ticks };
}

/** Return the leaves of rows of which all but a step's first hold the difference to the row before. */
function leavesOf(delta, begins) {
  const leaf = new Uint32Array(delta.length);
  for (let step = 0; step + 1 < begins.length; step++) {
    let at = 0;
    for (let row = begins[step]; row < begins[step + 1]; row++) leaf[row] = at += delta[row];
  }
  return leaf;
}

/**
 * Return what each node has by itself in the steps from `first` up to `end`.
 *
 * @param rows the tab's rows
 * @param nodes the node of each leaf
 * @param self the result, all zeros
 */
export function addSteps(rows, nodes, { first, end }, self) {
  for (let row = rows.begins[first]; row < rows.begins[end]; row++) {
    const node = nodes[rows.leaf[row]];
    if (node === undefined) throw new DamagedPayload("a row has no node");
    self[node] += rows.ticks[row];
  }
  return self;
}
