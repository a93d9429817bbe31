/** Turn keys pressed in the flame graph into moves from frame to frame. */

import { NONE, ROOT } from "../data/tree.js";
import { listen } from "../page/dom.js";
import { caller, neighbour, widestChild } from "./layout.js";
import { scaled } from "./viewport.js";

const STEP = 1.5; // a press of + or -
const PAGE = 0.5; // of the rows, a press of PageDown

const MOVES = {
  ArrowUp: (scene, node) => caller(scene, node),
  ArrowDown: (scene, node) => widestChild(scene, node),
  ArrowLeft: (scene, node) => neighbour(scene, node, -1),
  ArrowRight: (scene, node) => neighbour(scene, node, 1),
  Home: () => ROOT,
};

const ACTIONS = {
  Enter: (graph) => graph.zoomTo(graph.chosen),
  "+": (graph) => zoom(graph, 1 / STEP),
  "=": (graph) => zoom(graph, 1 / STEP),
  "-": (graph) => zoom(graph, STEP),
  PageDown: (graph) => graph.scroll(Math.ceil(graph.size.rows * PAGE)),
  PageUp: (graph) => graph.scroll(-Math.ceil(graph.size.rows * PAGE)),
};

/** Follow the keys in a graph; `on.moved(node)` hears of a move, `on.follow()` of the key that follows a wait. */
export function followKeys(graph, on) {
  const { box } = graph;
  listen(box, {
    keydown: (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !graph.scene) return;
      if (pressed(graph, event.key, on)) event.preventDefault();
    },
    focus: () => graph.setRing(box.matches(":focus-visible")),
    blur: () => graph.setRing(false),
  });
}

/** Return whether the key did something. */
function pressed(graph, key, on) {
  if (key === "Escape") {
    graph.reset();
    on.moved(ROOT);
  } else if (key === "w") {
    on.follow();
  } else if (ACTIONS[key]) {
    ACTIONS[key](graph);
  } else if (MOVES[key]) {
    const node = MOVES[key](graph.scene, graph.chosen);
    graph.setRing(true);
    if (node === NONE) return true;
    graph.choose(node);
    on.moved(node);
  } else {
    return false;
  }
  return true;
}

function zoom(graph, factor) {
  const { view, scene } = graph;
  graph.range(scaled(view, scene, (view.x0 + view.x1) / 2, factor));
}
