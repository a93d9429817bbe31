/**
 * What the flame graph shows at one moment: a view of a tab, the time of the chosen steps in it, and where
 * each frame lies. All figures that the page writes about a frame come from here.
 */

import { ROOT, totals } from "../data/tree.js";
import { standing } from "../data/views.js";
import { levelOf } from "./difference.js";
import { firstWhere, positions } from "./layout.js";

const FEW_SAMPLES = 30;
/** Below it the half width of a share's 95 % interval is over a third of the share. */

/**
 * Return the scene of a tab.
 *
 * @param profile the whole profile
 * @param tab the tab to show
 * @param options {bottomUp, collapsed, width: "run" or "baseline", steps: null or {first, end}}
 */
export function sceneOf(profile, tab, options) {
  return new Scene(profile, tab, options);
}

class Scene {
  #parts = new Map();

  constructor(profile, tab, { bottomUp, collapsed, width, steps }) {
    this.profile = profile;
    this.tab = tab;
    this.view = tab.view({ bottomUp, collapsed });
    this.tree = this.view.tree;
    const chosen = steps && tab.canFilter ? steps : null;
    this.sampledSelf = chosen ? tab.selfOf(chosen) : tab.self;
    this.steps = chosen ? chosen.end - chosen.first : tab.steps;
    this.self = standing(this.sampledSelf, this.view);
    this.total = totals(this.tree, this.self);
    this.base = tab.baseTotals(this.view);
    this.width = width === "baseline" && this.base ? this.base : this.total;
    this.start = positions(this.tree, this.width);
    this.whole = this.width[ROOT];
    this.samplesPerTick = tab.samples === null ? Infinity : tab.samples / Math.max(1, tab.totalTicks);
  }

  frame(node) {
    return this.tree.frame[node];
  }

  name(node) {
    return this.profile.frames.name(this.frame(node));
  }

  place(node) {
    return this.profile.frames.place(this.frame(node));
  }

  isOwn(node) {
    return this.profile.frames.own(this.frame(node));
  }

  /** How many library frames were joined into this one. */
  joined(node) {
    return this.view.joined ? this.view.joined[node] : 0;
  }

  /** Nanoseconds a step in a frame and all that it called. */
  ns(node) {
    return this.tab.nsPerStep(this.total[node], this.steps);
  }

  /** Nanoseconds a step in a frame itself. */
  selfNs(node) {
    return this.tab.nsPerStep(this.self[node], this.steps);
  }

  /** The baseline's nanoseconds a step. */
  baseNs(node) {
    return this.base ? this.tab.baseNsPerStep(this.base[node]) : 0;
  }

  /** Share 0..1 of all that the tab shows. */
  share(node) {
    return this.total[ROOT] ? this.total[node] / this.total[ROOT] : 0;
  }

  /** How many samples are behind a frame's time; not finite where it was recorded whole. */
  samples(node) {
    return Math.round(this.total[node] * this.samplesPerTick);
  }

  isRough(node) {
    return this.samples(node) < FEW_SAMPLES;
  }

  /** Seven levels from 0, much less time than the baseline, over 3, no difference, to 6. */
  differenceLevel(node) {
    const baseTicks = this.baseNs(node) / this.tab.nsPerStep(1, this.steps);
    const most = Math.max(this.total[node], baseTicks) * this.samplesPerTick;
    return levelOf(this.ns(node) - this.baseNs(node), this.profile.stepNs, most);
  }

  /** The categories of a frame's time, the largest first: {category, share}. */
  parts(node) {
    if (!this.#parts.has(node)) this.#parts.set(node, this.#partsOf(node));
    return this.#parts.get(node);
  }

  #partsOf(node) {
    const { view, tab, sampledSelf } = this;
    const { node: sampled, category, ticks } = tab.parts;
    const end = view.tree.end[node];
    // As sampled, a subtree's parts stand together; in other views they may be anywhere.
    const isSampled = view.target === view.source;
    const from = isSampled ? firstWhere(0, sampled.length, (row) => sampled[row] >= node) : 0;
    const to = isSampled ? firstWhere(from, sampled.length, (row) => sampled[row] >= end) : sampled.length;
    const sums = new Float64Array(this.profile.categories.length);
    for (let row = from; row < to; row++) {
      const at = sampled[row];
      if (view.target[at] < node || view.target[at] >= end || !sampledSelf[at]) continue;
      // Of chosen steps a node's time is known, not its categories: they are taken to be as in all steps.
      sums[category[row]] += ticks[row] * (sampledSelf[at] / tab.self[at]);
    }
    const whole = sums.reduce((sum, part) => sum + part, 0);
    return Array.from(sums, (part, at) => ({ category: at, share: part / whole }))
      .filter((part) => part.share > 0)
      .sort((one, other) => other.share - one.share);
  }

  /** Return where the frame, or the nearest above it that leads anywhere, leads: {tab, other}; or undefined. */
  link(node) {
    const { links, tree } = this.tab;
    if (!links.size) return undefined;
    for (let at = this.view.source[node]; at > ROOT; at = tree.parent[at]) {
      if (links.has(at)) return links.get(at);
    }
    const joined = this.view.isBottomUp ? undefined : [...links.keys()].find((at) => this.view.target[at] === node);
    return links.get(joined);
  }

  /** Return the node that the time of a sampled node stands in. */
  nodeOf(sampled) {
    return this.view.target[sampled];
  }

  /** Return the sampled node that stands for a node. */
  sampled(node) {
    return this.view.source[node];
  }
}
