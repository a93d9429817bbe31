/** The canvas of the flame graph: which scene it shows, which part of it, and which frame is chosen. */

import { NONE, ROOT } from "../data/tree.js";
import { fitted } from "../page/canvas.js";
import { nodeAt } from "./layout.js";
import { paletteOf } from "./palette.js";
import { lettering, paint } from "./painter.js";
import { between, inside, isWhole, showing, topInside, topShowing, wholeOf } from "./viewport.js";

const ZOOM_MS = 160; // long enough to see where a frame came from
const TALLEST = 0.62; // of the window: some text above and below stays in sight
const SHORTEST = 220; // pixels, for low windows

/** The flame graph's canvas. `on.chosen(node)`, `on.hovered(node, place)` and `on.moved()` hear of changes. */
export class FlameGraph {
  #context;
  #palette = null;
  #painting = 0;
  #zooming = 0;

  constructor(box, categories, on) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.#context = this.canvas.getContext("2d");
    this.categories = categories;
    this.on = on;
    this.scene = null;
    this.colour = "category";
    this.matches = null;
    this.chosen = ROOT;
    this.zoomed = ROOT;
    this.hover = NONE;
    this.ring = false;
    new ResizeObserver(() => this.resize()).observe(box);
  }

  /** Show a scene, zoomed to a node and with one chosen. */
  show(scene, { zoomed = ROOT, chosen = ROOT } = {}) {
    cancelAnimationFrame(this.#zooming);
    this.scene = scene;
    this.hover = NONE;
    [this.zoomed, this.chosen] = [zoomed, chosen];
    this.view = wholeOf(scene);
    if (this.box.clientWidth) this.#fit();
    this.view = { ...this.#rangeOf(zoomed), top: this.view.top };
    this.view.top = this.#topFor(chosen);
    this.paintNow();
    this.on.chosen(chosen);
  }

  get palette() {
    this.#palette ??= paletteOf(this.categories, this.#context);
    return this.#palette;
  }

  /** Take up the size of the box, and paint at once: setting a canvas's size clears it. */
  resize() {
    if (!this.scene || !this.box.clientWidth || !this.#fit()) return;
    this.paintNow();
    this.on.moved();
  }

  /** Fit the canvas to the box and the scene's rows; returns whether it was cleared. */
  #fit() {
    this.text = lettering(this.#context);
    const tallest = Math.max(SHORTEST, Math.floor(window.innerHeight * TALLEST));
    const rows = Math.min(this.scene.tree.deepest + 1, Math.floor(tallest / this.text.rowHeight));
    const [width, height] = [this.box.clientWidth, rows * this.text.rowHeight];
    this.size = { width, height, rows };
    this.view.top = topInside(this.scene, rows, this.view.top);
    return fitted(this.#context, width, height);
  }

  /** Read the page's colours again, and paint. */
  recolour() {
    this.#palette = null;
    this.paintNow();
  }

  /** Paint before the next frame is shown. */
  paintSoon() {
    this.#painting ||= requestAnimationFrame(() => this.paintNow());
  }

  paintNow() {
    cancelAnimationFrame(this.#painting);
    this.#painting = 0;
    if (this.scene && this.size) paint(this.#context, this.scene, this.view, this);
  }

  /** Choose a frame and bring it into sight. */
  choose(node) {
    this.chosen = node;
    this.view = { ...this.view, ...showing(this.view, this.scene, node) };
    this.#reveal(node);
    this.on.chosen(node);
  }

  /** Choose a frame and give it the whole width. */
  zoomTo(node, { animated = true } = {}) {
    [this.zoomed, this.chosen] = [node, node];
    this.#go(this.#rangeOf(node), { animated });
    this.#reveal(node);
    this.on.chosen(node);
  }

  /** Show everything. */
  reset() {
    this.zoomTo(ROOT);
  }

  /** Show a range of the width at once. */
  range(range) {
    if (isWhole(range, this.scene)) this.zoomed = ROOT;
    this.#go(range, { animated: false });
  }

  /** Show so many rows further down. */
  scroll(rows) {
    this.view.top = topInside(this.scene, this.size.rows, this.view.top + rows);
    this.paintSoon();
    this.on.moved();
  }

  setHover(node, place) {
    if (node !== this.hover) this.paintSoon();
    this.hover = node;
    this.on.hovered(node, place);
  }

  setRing(ring) {
    this.ring = ring;
    this.paintSoon();
  }

  /** Return where a point of the window is: {x, y} in the canvas, and `at` in the scene's width. */
  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return { x, y, at: this.view.x0 + (x / this.size.width) * (this.view.x1 - this.view.x0) };
  }

  /** Return the node under a place, or NONE. */
  nodeUnder({ y, at }) {
    return nodeAt(this.scene, this.view.top + Math.floor(y / this.text.rowHeight), at);
  }

  #rangeOf(node) {
    const { start, width } = this.scene;
    return inside(this.scene, start[node], start[node] + width[node]);
  }

  #topFor(node) {
    return topShowing(this.view, this.scene, this.size?.rows ?? 1, node);
  }

  #reveal(node) {
    this.view.top = this.#topFor(node);
    this.paintSoon();
    this.on.moved();
  }

  #go(range, { animated }) {
    cancelAnimationFrame(this.#zooming);
    const [from, began] = [{ ...this.view }, performance.now()];
    if (!animated || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.view = { ...range, top: this.view.top };
      this.paintSoon();
      this.on.moved();
      return;
    }
    const move = (now) => {
      const way = Math.min(1, Math.max(0, (now - began) / ZOOM_MS));
      this.view = between(from, { ...range, top: this.view.top }, way);
      this.paintNow();
      if (way < 1) this.#zooming = requestAnimationFrame(move);
      else this.on.moved();
    };
    this.#zooming = requestAnimationFrame(move);
  }
}
