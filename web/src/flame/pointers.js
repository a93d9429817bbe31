/** Turn what mouse, pen and fingers do on the flame graph into choosing, dragging and zooming. */

import { NONE } from "../data/tree.js";
import { listen } from "../page/dom.js";
import { moved, scaled } from "./viewport.js";

const STILL = 4; // pixels that a click may move
const WHEEL = 0.002; // zoom a pixel of Ctrl + wheel: a notch is about a fifth

/** Follow the pointers over a graph. A plain wheel is left to the page. */
export function followPointers(graph) {
  const gesture = new Gesture(graph);
  const { canvas } = graph;
  listen(canvas, {
    pointerdown: (event) => gesture.down(event),
    pointermove: (event) => gesture.move(event),
    pointerup: (event) => gesture.up(event),
    pointercancel: (event) => gesture.cancel(event),
    pointerleave: () => graph.setHover(NONE),
  });
  listen(canvas, { wheel: (event) => zoomByWheel(graph, event) }, { passive: false });
}

function zoomByWheel(graph, event) {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const { at } = graph.placeOf(event);
  graph.range(scaled(graph.view, graph.scene, at, Math.exp(event.deltaY * WHEEL)));
}

/** What the pointers that are down do: one drags or clicks, two pinch. */
class Gesture {
  #down = new Map();
  #start = null;

  constructor(graph) {
    this.graph = graph;
  }

  down(event) {
    const place = this.graph.placeOf(event);
    this.#down.set(event.pointerId, place);
    this.graph.setRing(false);
    if (event.pointerType === "mouse") this.graph.canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#down.size > 1);
  }

  move(event) {
    const place = this.graph.placeOf(event);
    if (!this.#down.has(event.pointerId)) {
      if (event.pointerType === "mouse") this.graph.setHover(this.graph.nodeUnder(place), place);
      return;
    }
    this.#down.set(event.pointerId, place);
    if (this.#down.size === 1) this.#drag(place);
    else if (this.#down.size === 2) this.#pinch();
  }

  up(event) {
    const place = this.#down.get(event.pointerId);
    const clicked = place && this.#down.size === 1 && this.#start && !this.#start.moved;
    this.cancel(event);
    const node = clicked ? this.graph.nodeUnder(this.graph.placeOf(event)) : NONE;
    if (node !== NONE) this.graph.zoomTo(node);
  }

  cancel(event) {
    this.#down.delete(event.pointerId);
    this.#begin(true); // a finger that stays after a pinch does not click
    if (!this.#down.size) this.#start = null;
  }

  #begin(hasMoved) {
    const places = [...this.#down.values()];
    if (!places.length) return;
    const { x0, x1, top } = this.graph.view;
    const fingers = { spread: spread(places), middle: middle(places) };
    this.#start = { ...places[0], ...fingers, view: { x0, x1, top }, moved: hasMoved };
  }

  #drag({ x, y }) {
    const { graph } = this;
    const start = this.#start;
    if (Math.hypot(x - start.x, y - start.y) > STILL) start.moved = true;
    if (!start.moved) return;
    const { view } = start;
    graph.setHover(NONE);
    graph.range(moved(view, graph.scene, ((start.x - x) / graph.size.width) * (view.x1 - view.x0)));
    graph.scroll(view.top + Math.round((start.y - y) / graph.text.rowHeight) - graph.view.top);
  }

  #pinch() {
    const { graph } = this;
    const start = this.#start;
    const places = [...this.#down.values()];
    const at = start.view.x0 + (start.middle / graph.size.width) * (start.view.x1 - start.view.x0);
    graph.range(scaled(start.view, graph.scene, at, start.spread / Math.max(1, spread(places))));
  }
}

/** Return how far apart two fingers are across the graph, in pixels; one finger has no spread. */
function spread(places) {
  return places.length > 1 ? Math.max(1, Math.abs(places[0].x - places[1].x)) : 1;
}

function middle(places) {
  return places.reduce((sum, place) => sum + place.x, 0) / places.length;
}
