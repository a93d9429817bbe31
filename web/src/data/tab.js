/** One tree of the profile: who spent the time of which threads. */

import { DamagedPayload } from "./payload.js";
import { partsAnd, partsOf, summed } from "./parts.js";
import { addSteps, rowsOf } from "./rows.js";
import { totals, treeOf } from "./tree.js";
import { bottomUpView, collapsedView, sampledView, standing } from "./views.js";

/** A tab of the flame graph; its columns are decoded and its views made when they are first asked for. */
export class Tab {
  #payload;
  #frames;
  #place;
  #known = new Map();

  constructor(payload, about, { frames, place }) {
    [this.#payload, this.#frames, this.#place] = [payload, frames, place];
    this.id = about.id;
    this.label = about.label;
    this.whole = about.whole;
    this.note = about.note;
    this.steps = about.steps;
    /** How many samples are behind the times; null where they were recorded whole. */
    this.samples = about.samples;
    this.canFilter = about.can_filter;
    this.hasBaseline = payload.has(`${about.id}.base`) && about.base_steps > 0;
    this.ticksNs = about.ns_per_tick;
    this.rowTicksNs = about.ns_per_row_tick;
    this.baseTicksNs = about.base_ns_per_tick;
    this.baseSteps = about.base_steps;
  }

  get tree() {
    return this.#once("tree", () => this.#decodedTree());
  }

  /** The categories of the time that each node has by itself, over all steps: columns {node, category, ticks}. */
  get parts() {
    return this.#once("parts", () => partsOf(this.#payload, this.id, this.tree.size));
  }

  /** Ticks that each node has by itself, over all steps. */
  get self() {
    return this.#once("self", () => summed(this.parts, this.tree.size));
  }

  /** The baseline's ticks that each node has by itself; null without a baseline. */
  get base() {
    return this.hasBaseline ? this.#payload.column(`${this.id}.base`) : null;
  }

  get totalTicks() {
    return this.#once("whole", () => this.self.reduce((sum, ticks) => sum + ticks, 0));
  }

  /** Where nodes of this tab lead: a map from a node to {tab, other}. */
  get links() {
    const mine = () => this.#payload.head.links.filter(([tab]) => tab === this.#place);
    return this.#once("links", () => new Map(mine().map(([, node, tab, other]) => [node, { tab, other }])));
  }

  /** Return nanoseconds a step of ticks summed over so many steps. */
  nsPerStep(ticks, steps = this.steps) {
    return (ticks * this.ticksNs) / Math.max(1, steps);
  }

  /** Return the baseline's nanoseconds a step of its ticks. */
  baseNsPerStep(ticks) {
    return (ticks * this.baseTicksNs) / Math.max(1, this.baseSteps);
  }

  /** Return the ticks that each node has by itself in the steps from `first` up to `end`. */
  selfOf(steps) {
    const rows = this.#once("rows", () => rowsOf(this.#payload, this.id));
    const leaves = this.#once("leaves", () => this.#leaves());
    const self = addSteps(rows, leaves, steps, new Float64Array(this.tree.size));
    const scale = this.rowTicksNs / this.ticksNs;
    return self.map((ticks) => ticks * scale);
  }

  /** Return the nodes with time of their own, those with most first: rows number them so. */
  #leaves() {
    const { parts, self } = this;
    return [...new Set(parts.node)].sort((one, other) => self[other] - self[one]);
  }

  /** Return the baseline's ticks in each node of a view and below; null without a baseline. */
  baseTotals(view) {
    return this.hasBaseline ? this.#once(view, () => totals(view.tree, standing(this.base, view))) : null;
  }

  /** Return the view as sampled, collapsed, bottom-up or both. */
  view({ collapsed = false, bottomUp = false } = {}) {
    return this.#once(`${collapsed} ${bottomUp}`, () => this.#made(collapsed, bottomUp));
  }

  #made(collapsed, bottomUp) {
    const categories = this.#payload.head.categories.length;
    const counts = { frames: this.#frames.count, categories: categories + 1 };
    if (bottomUp) {
      const view = this.view({ collapsed });
      return bottomUpView(view, standing(summed(this.#both, this.tree.size), view), counts);
    }
    if (collapsed) return collapsedView(this.view(), this.#frames.own, counts);
    return sampledView(this.tree, this.#both, categories);
  }

  /** The parts of this run and, by the nodes' categories, the baseline's: what either saw is in every view. */
  get #both() {
    const { base, parts } = this;
    if (!base) return parts;
    const scale = this.baseNsPerStep(1) / this.nsPerStep(1);
    return this.#once("both", () => partsAnd(parts, { ticks: base, categories: this.tree.category, scale }));
  }

  #once(key, make) {
    if (!this.#known.has(key)) this.#known.set(key, make());
    return this.#known.get(key);
  }

  #decodedTree() {
    const names = this.hasBaseline ? ["up", "frame", "category", "base"] : ["up", "frame"];
    const [up, frame, category] = this.#payload.columns(`${this.id}.`, names);
    if (frame.some((number) => number >= this.#frames.count)) {
      throw new DamagedPayload(`${this.id} has an unknown frame`);
    }
    return treeOf(depthsOf(up), frame, category ?? new Uint8Array(up.length));
  }
}

/** Return the nodes' depths, of how many levels each lies above a child of the node before it. */
function depthsOf(up) {
  const depth = new Int32Array(up.length);
  for (let node = 0, at = -1; node < up.length; node++) depth[node] = at += 1 - up[node];
  return depth;
}
