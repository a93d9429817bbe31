/** The chart of steps: pointing at one says what it took, dragging over some chooses them. */

import { fitted } from "../page/canvas.js";
import { byId, listen } from "../page/dom.js";
import { STACK, drawSteps, scaleOf } from "./chart.js";
import { columnsOf, rangeOf } from "./columns.js";
import { allText, rangeText } from "./words.js";

const HEIGHT = 150; // pixels: a tenth of a step is seen
const NARROWEST = 3; // pixels of a column
const HIGHEST = 3.2;
/** Medians: one step of a hundred medians would press all others flat, so higher columns are cut. */

/** Return the panel of a profile's steps; `on.chosen(range)` hears of chosen steps, null for all. */
export function stepsPanel(profile, on) {
  return new StepsPanel(profile, on);
}

class StepsPanel {
  #profile;
  #on;
  #box = byId("steps-box");
  #context;
  #scale;
  #columns = [];
  #chosen = null;
  #pointed = null;
  #from = null;
  #before = null;

  constructor(profile, on) {
    this.#profile = profile;
    this.#on = on;
    const canvas = this.#box.querySelector("canvas");
    this.#context = canvas.getContext("2d");
    listen(canvas, {
      pointerdown: (event) => this.#down(event),
      pointermove: (event) => this.#move(event),
      pointerup: () => this.#up(),
      pointercancel: () => this.#cancel(),
      pointerleave: () => this.#point(null),
    });
    listen(this.#box, { keydown: (event) => this.#key(event) });
    listen(byId("steps-clear"), { click: () => this.choose(null) });
    new ResizeObserver(() => this.resize()).observe(this.#box);
    this.resize();
    this.#write();
  }

  /** Choose steps: {first, end}, or null for all. */
  choose(range) {
    const { count } = this.#profile.steps;
    this.#chosen = range && range.end - range.first < count ? range : null;
    byId("steps-clear").hidden = !this.#chosen;
    this.#write();
    this.draw();
    this.#on.chosen(this.#chosen);
  }

  resize() {
    const { steps, categories } = this.#profile;
    const width = this.#box.clientWidth;
    if (!width || (!fitted(this.#context, width, HEIGHT) && this.#scale)) return;
    const highest = Math.min(steps.slowest, steps.median * HIGHEST) || 1;
    this.#scale = scaleOf({ width, height: HEIGHT }, steps.count, highest);
    const groups = STACK.map((key) => categories.flatMap(({ colour }, place) => (colour === key ? [place] : [])));
    this.#columns = columnsOf(steps, groups, Math.floor(this.#scale.wide / NARROWEST));
    this.draw();
  }

  draw() {
    if (!this.#scale) return;
    drawSteps(this.#context, this.#scale, {
      steps: this.#profile.steps,
      columns: this.#columns,
      chosen: this.#chosen,
      pointed: this.#pointed,
    });
  }

  #down(event) {
    if (event.button) return;
    this.#from = this.#stepUnder(event);
    this.#before = this.#chosen;
    this.#context.canvas.setPointerCapture(event.pointerId);
    this.#chosen = this.#columnOf(this.#from);
    this.draw();
  }

  #move(event) {
    const step = this.#stepUnder(event);
    if (this.#from !== null) {
      const [one, other] = [this.#columnOf(this.#from), this.#columnOf(step)];
      this.#chosen = { first: Math.min(one.first, other.first), end: Math.max(one.end, other.end) };
    }
    this.#point(this.#columnOf(step));
  }

  #up() {
    if (this.#from === null) return;
    this.#from = null;
    this.choose(this.#chosen);
  }

  /** A finger that began to scroll the page chose nothing. */
  #cancel() {
    this.#from = null;
    this.choose(this.#before);
  }

  #point(range) {
    this.#pointed = range;
    this.#write();
    this.draw();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") this.choose(null);
    else if (!this.#step(event)) return;
    event.preventDefault();
    byId("steps-live").textContent = byId("steps-info").textContent;
  }

  /** Choose the step before or after; with Shift the range grows. Returns whether the key is one of these. */
  #step({ key, shiftKey }) {
    const last = this.#profile.steps.count - 1;
    const now = this.#chosen ?? { first: last + 1, end: 0 };
    const to = { ArrowLeft: now.first - 1, ArrowRight: now.end, Home: 0, End: last }[key];
    if (to === undefined) return false;
    const step = Math.min(last, Math.max(0, to));
    const grows = shiftKey && this.#chosen;
    this.choose(grows ? { first: Math.min(now.first, step), end: Math.max(now.end, step + 1) } : rangeOf(step, step));
    return true;
  }

  #write() {
    const range = this.#from === null ? (this.#pointed ?? this.#chosen) : this.#chosen;
    byId("steps-info").textContent = range
      ? rangeText(this.#profile, range)
      : allText(this.#profile, this.#scale?.highestNs ?? Infinity);
  }

  #stepUnder(event) {
    const { left } = this.#context.canvas.getBoundingClientRect();
    return this.#scale.step(event.clientX - left);
  }

  #columnOf(step) {
    const { first, end } = this.#columns.find((column) => step < column.end) ?? rangeOf(step, step);
    return { first, end };
  }
}
