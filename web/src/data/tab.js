/** One tree of the profile: who spent the time of which threads. */

import { DamagedPayload } from "./payload.js";
import { bothParts, partsOf, partsOfNodes } from "./parts.js";
import { rowsOf, selfOfSteps } from "./rows.js";
import { totals, treeOf } from "./tree.js";
import { bottomUpView, collapsedView, sampledView, standing } from "./views.js";

/** A tab of the flame graph; its columns are decoded and its views made when they are first asked for. */
export class Tab {
  #payload;
  #frames;
  #place;
  #tree;
  #rows;
  #parts;
  #totalTicks;
  #links;
  #views = new Map();
  #baseTotals = new Map();

  constructor(payload, about, { frames, place }) {
    [this.#payload, this.#frames, this.#place] = [payload, frames, place];
    this.id = about.id;
    this.label = about.label;
    this.whole = about.whole;
    this.note = about.note;
    this.steps = about.steps;
    this.samples = about.samples;
    this.canFilter = about.can_filter && payload.head.steps.count > 0;
    this.hasBaseline = payload.has(`${about.id}.base`) && about.base_steps > 0;
    this.ticksNs = about.ns_per_tick;
    this.baseTicksNs = about.base_ns_per_tick;
    this.baseSteps = about.base_steps;
  }

  get tree() {
    this.#tree ??= this.#decodedTree();
    return this.#tree;
  }

  /** Ticks that each node has by itself, over all steps. */
  get self() {
    return this.#column("self");
  }

  /** The baseline's ticks that each node has by itself; null without a baseline. */
  get base() {
    return this.hasBaseline ? this.#column("base") : null;
  }

  get totalTicks() {
    this.#totalTicks ??= this.self.reduce((sum, ticks) => sum + ticks, 0);
    return this.#totalTicks;
  }

  /** The categories of the time that each node has by itself: columns {node, category, ticks}. */
  get parts() {
    this.#parts ??= partsOf(this.#payload, this);
    return this.#parts;
  }

  /** Where nodes of this tab lead: a map from a node to {tab, other}. */
  get links() {
    this.#links ??= new Map(
      this.#payload.head.links
        .filter(([tab]) => tab === this.#place)
        .map(([, node, tab, other]) => [node, { tab, other }]),
    );
    return this.#links;
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
  selfOf({ first, end }) {
    this.#rows ??= rowsOf(this.#payload, this.id);
    return selfOfSteps(this.#rows, { first, end }, this.tree.size);
  }

  /** Return the baseline's ticks in each node of a view and below; null without a baseline. */
  baseTotals(view) {
    if (!this.hasBaseline) return null;
    if (!this.#baseTotals.has(view)) this.#baseTotals.set(view, totals(view.tree, standing(this.base, view)));
    return this.#baseTotals.get(view);
  }

  /** Return the view as sampled, collapsed, bottom-up or both. */
  view({ collapsed = false, bottomUp = false } = {}) {
    const key = `${collapsed} ${bottomUp}`;
    if (!this.#views.has(key)) this.#views.set(key, this.#made(collapsed, bottomUp));
    return this.#views.get(key);
  }

  #made(collapsed, bottomUp) {
    const categories = this.#payload.head.categories.length;
    const counts = { frames: this.#frames.count, categories: categories + 1 };
    if (bottomUp) {
      const view = this.view({ collapsed });
      return bottomUpView(view, standing(this.#weight(), view), counts);
    }
    if (collapsed) return collapsedView(this.view(), this.#frames.own, counts);
    return sampledView(this.tree, this.#weighted(), categories);
  }

  /** Return the parts of this run and, by the nodes' categories, of the baseline. */
  #weighted() {
    if (!this.base) return this.parts;
    return bothParts(this.parts, partsOfNodes(this.base, this.tree.category, this.#baseScale));
  }

  /** Return ticks of this run and, in the same unit, the baseline's: what either saw has a place in every view. */
  #weight() {
    const { self, base } = this;
    if (!base) return self;
    const scale = this.#baseScale;
    return Float64Array.from(self, (ticks, node) => ticks + base[node] * scale);
  }

  /** Ticks of this run in one of the baseline's, of a mean step. */
  get #baseScale() {
    return this.baseNsPerStep(1) / this.nsPerStep(1);
  }

  #decodedTree() {
    const [depth, frame, category] = ["depth", "frame", "category"].map((name) => this.#column(name));
    const columns = [frame, category, this.self, this.base ?? depth];
    if (columns.some((column) => column.length !== depth.length)) {
      throw new DamagedPayload(`the columns of ${this.id} differ in length`);
    }
    if (frame.some((number) => number >= this.#frames.count)) {
      throw new DamagedPayload(`${this.id} has an unknown frame`);
    }
    return treeOf(depth, frame, category);
  }

  #column(name) {
    return this.#payload.column(`${this.id}.${name}`);
  }
}
