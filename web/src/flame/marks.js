/**
 * Find what a canvas has to draw of a scene: at most one mark a pixel and row, however many nodes there are.
 *
 * In each row a binary search finds the first node that is seen; nodes narrower than a pixel are one mark, and
 * the search jumps to the first node that ends after that pixel.
 */

import { firstEndingAfter } from "./layout.js";

const NARROW = 0.6; // width of a mark for what is under a pixel: lighter than a frame of one pixel

/** Call `mark(node, left, width, row)` for all that is seen; left and width are in pixels. */
export function eachMark(scene, view, { width, rows }, mark) {
  const last = Math.min(scene.tree.deepest, view.top + rows - 1);
  for (let depth = view.top; depth <= last; depth++) eachInRow(scene, view, { width, depth }, mark);
}

function eachInRow(scene, view, { width, depth }, mark) {
  const { tree, start, width: widths } = scene;
  const scale = width / (view.x1 - view.x0);
  const row = depth - view.top;
  const end = tree.levels[depth + 1];
  let place = firstEndingAfter(scene, depth, view.x0);
  while (place < end) {
    const node = tree.order[place];
    if (start[node] >= view.x1) return;
    const left = Math.max(0, (start[node] - view.x0) * scale);
    const right = Math.min(width, (start[node] + widths[node] - view.x0) * scale);
    if (right - left >= 1) {
      mark(node, left, right - left, row);
      place++;
      continue;
    }
    const pixel = Math.floor(left);
    if (widths[node] > 0) mark(node, pixel, NARROW, row);
    place = Math.max(place + 1, firstEndingAfter(scene, depth, view.x0 + (pixel + 1) / scale));
  }
}
