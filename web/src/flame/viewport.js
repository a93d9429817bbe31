/** The part of a scene that is seen: from x0 to x1, in the unit of its widths, and from row `top`. */

const CLOSEST = 1e-7;
/** Of the whole: closer, doubles no longer tell neighbours apart. */

const NARROWEST = 0.004;
/** Of what is seen: a frame of fewer pixels, about five, is not found again, so it is drawn nearer. */

const NEARER = 16;
/** Such a frame is then this part of what is seen. */

const KEPT_ABOVE = 1;
/** Rows left above a frame that was scrolled to, so that its caller is seen. */

/** Return the view of everything. */
export function wholeOf(scene) {
  return { x0: 0, x1: scene.whole || 1, top: 0 };
}

/** Return whether all of the scene's width is seen. */
export function isWhole(view, scene) {
  return view.x1 - view.x0 >= (scene.whole || 1) * (1 - CLOSEST);
}

/** Return the range from x0 to x1, kept inside the scene and no narrower than can be drawn. */
export function inside(scene, x0, x1) {
  const whole = scene.whole || 1;
  const span = Math.min(whole, Math.max(x1 - x0, whole * CLOSEST));
  const middle = (x0 + x1) / 2;
  const begin = Math.min(Math.max(0, middle - span / 2), whole - span);
  return { x0: begin, x1: begin + span };
}

/** Return the range with `factor` times the span, in which x stays where it is. */
export function scaled(view, scene, x, factor) {
  return inside(scene, x - (x - view.x0) * factor, x + (view.x1 - x) * factor);
}

/** Return the range moved by `distance`; it stops at the ends instead of growing narrow. */
export function moved(view, scene, distance) {
  const span = view.x1 - view.x0;
  const x0 = Math.min(Math.max(0, view.x0 + distance), (scene.whole || 1) - span);
  return { x0, x1: x0 + span };
}

/** Return the range in which a node is seen, moved as little as needed. */
export function showing(view, scene, node) {
  const [begin, end] = [scene.start[node], scene.start[node] + scene.width[node]];
  const seen = view.x1 - view.x0;
  const isNarrow = end - begin < seen * NARROWEST;
  if (begin >= view.x0 && end <= view.x1 && !isNarrow) return { x0: view.x0, x1: view.x1 };
  if (end - begin > seen) return inside(scene, begin, end);
  const [span, middle] = [isNarrow ? (end - begin) * NEARER : seen, (begin + end) / 2];
  return inside(scene, middle - span / 2, middle + span / 2);
}

/** Return the first row to show so that a node's row is among `rows`. */
export function topShowing(view, scene, rows, node) {
  const depth = scene.tree.depth[node];
  if (depth < view.top + KEPT_ABOVE) return Math.max(0, depth - KEPT_ABOVE);
  if (depth >= view.top + rows) return topInside(scene, rows, depth - rows + 1 + KEPT_ABOVE);
  return view.top;
}

/** Return the row nearest to `top` that can be the first of `rows`. */
export function topInside(scene, rows, top) {
  return Math.min(Math.max(0, top), Math.max(0, scene.tree.deepest + 1 - rows));
}

/** Return the view a part of the way from one to another; 1 is all of it. */
export function between(one, other, way) {
  const eased = way * (2 - way);
  return {
    x0: one.x0 + (other.x0 - one.x0) * eased,
    x1: one.x1 + (other.x1 - one.x1) * eased,
    top: other.top,
  };
}
