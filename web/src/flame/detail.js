/** What is written of a frame: the lines under the graph for the chosen one, a tip for the one pointed at. */

import { NONE } from "../data/tree.js";
import { byId, element, listen } from "../page/dom.js";
import { factsOf, wayTo } from "./words.js";

const OFFSET = 14; // pixels from the pointer to the tip
const MARGIN = 4;

/** The detail lines, the tip, and the button that leads from a waiting frame to what was waited for. */
export class Detail {
  constructor(follow) {
    this.lines = byId("flame-detail");
    this.way = byId("flame-way");
    this.tip = byId("flame-tip");
    this.button = byId("flame-waited");
    listen(this.button, { click: follow });
  }

  show(scene, node) {
    this.lines.replaceChildren(...rowsOf(scene, node));
    this.way.textContent = wayTo(scene, node);
    this.button.hidden = !scene.link(node);
  }

  hover(scene, node, place) {
    this.tip.hidden = node === NONE;
    if (node === NONE) return;
    this.tip.replaceChildren(...rowsOf(scene, node));
    const room = this.tip.parentElement.clientWidth - this.tip.offsetWidth - MARGIN;
    this.tip.style.left = `${Math.max(MARGIN, Math.min(room, place.x + OFFSET))}px`;
    this.tip.style.top = `${place.y + OFFSET}px`;
  }
}

function rowsOf(scene, node) {
  return factsOf(scene, node).flatMap(([title, text]) => [element("dt", title), element("dd", text)]);
}
