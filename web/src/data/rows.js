/** Turn the rows of a tab, one for each frame seen in each step, into the time of chosen steps. */

import { DamagedPayload } from "./payload.js";

/** Return a tab's rows: for each step where they begin, and each row's node and ticks. */
export function rowsOf(payload, tab) {
  const counts = payload.column(`${tab}.rows`);
  const begins = new Uint32Array(counts.length + 1);
  for (let step = 0; step < counts.length; step++) begins[step + 1] = begins[step] + counts[step];
  const delta = payload.column(`${tab}.row_node`);
  const ticks = payload.column(`${tab}.row_ticks`);
  const rows = begins[counts.length];
  if (delta.length !== rows || ticks.length !== rows) throw new DamagedPayload(`${tab} lacks rows`);
  return { begins, node: summed(delta, begins), ticks };
}

/** Return the nodes of rows of which all but a step's first hold the difference to the row before. */
function summed(delta, begins) {
  const node = new Uint32Array(delta.length);
  for (let step = 0; step + 1 < begins.length; step++) {
    let at = 0;
    for (let row = begins[step]; row < begins[step + 1]; row++) {
      at = (at + delta[row]) >>> 0; // a step back is written as a wrapped difference
      node[row] = at;
    }
  }
  return node;
}

/** Return the ticks that each of so many nodes has by itself in the steps from `first` up to `end`. */
export function selfOfSteps(rows, { first, end }, size) {
  const self = new Float64Array(size);
  for (let row = rows.begins[first]; row < rows.begins[end]; row++) {
    if (rows.node[row] >= size) throw new DamagedPayload("a row has no node");
    self[rows.node[row]] += rows.ticks[row];
  }
  return self;
}
