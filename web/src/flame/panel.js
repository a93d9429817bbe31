/** The section of the flame graph: tabs, search, choices and what is said of a frame, around the canvas. */

import { NONE, ROOT, totals } from "../data/tree.js";
import { byId, listen, say, scrollTo, setHash } from "../page/dom.js";
import { percent, plural } from "../units.js";
import { Detail } from "./detail.js";
import { FlameGraph } from "./graph.js";
import { followKeys } from "./keys.js";
import { categoryEntries, levelEntries } from "./legend.js";
import { flameHash, nodeOfPath } from "./paths.js";
import { followPointers } from "./pointers.js";
import { sceneOf } from "./scene.js";
import { framesMatching, framesOfFunction, outermost } from "./search.js";
import { tablist } from "./tablist.js";
import { isWhole } from "./viewport.js";
import { sentenceOf } from "./words.js";

const LINK_MS = 150;
/** The address follows this long after the last move: browsers refuse hundreds of changes in a short time. */

const FIRST_FOR_FUNCTIONS = "blame";
/** A hotspot is ranked by blamed time, so its frames are shown where that time stands. */

/** Return the panel of a profile, shown on its first tab. */
export function flamePanel(profile) {
  return new FlamePanel(profile);
}

class FlamePanel {
  #profile;
  #graph;
  #detail;
  #markTab;
  #state;
  #came = [];
  #hits = [];
  #hit = NONE;
  #linking = 0;

  constructor(profile) {
    this.#profile = profile;
    this.#state = { tab: profile.tabs[0], bottomUp: false, collapsed: false, width: "run", steps: null };
    this.#graph = new FlameGraph(byId("flame-box"), profile.categories, {
      chosen: (node) => this.#onChosen(node),
      hovered: (node, place) => this.#detail.hover(this.#scene, node, place),
      moved: () => this.#onMoved(),
    });
    this.#detail = new Detail(() => this.follow());
    this.#markTab = tablist(byId("flame-tabs"), profile.tabs, (tab) => this.#set({ tab }));
    followPointers(this.#graph);
    followKeys(this.#graph, {
      moved: (node) => (byId("flame-live").textContent = sentenceOf(this.#scene, node)),
      follow: () => this.follow(),
    });
    this.#bind();
    this.#set({});
  }

  get #scene() {
    return this.#graph.scene;
  }

  /** Let the graph show chosen steps: {first, end}, or null for all. */
  setSteps(steps) {
    this.#set({ steps });
  }

  recolour() {
    this.#graph.recolour();
    this.#writeLegend();
  }

  /** Show the frame of a link's part {tab, names}; returns whether there is one. */
  open({ tab: id, names }) {
    const tab = this.#profile.tabs.find((one) => one.id === id);
    if (!tab) return false;
    const node = nodeOfPath(tab, this.#profile.frames, names, totals(tab.tree, tab.self));
    if (node === NONE) return false;
    this.#go(tab, node);
    return true;
  }

  /** Show where a function is, in the tab where it has most time: all its frames marked, the widest in sight. */
  showFunction(about) {
    const matches = framesOfFunction(this.#profile.frames, about);
    const tab = this.#tabOf(matches);
    if (!tab) {
      say(`${about.name} is not in the flame graph`);
      return false;
    }
    byId("flame-search").value = about.name;
    this.#graph.matches = matches;
    this.#setPlain(tab);
    scrollTo(byId("flame"));
    if (!this.#hits.length) return false;
    const { width, tree } = this.#scene;
    const widest = this.#hits.reduce((best, hit) => (width[hit] > width[best] ? hit : best));
    this.#graph.zoomTo(Math.max(ROOT, tree.parent[widest]), { animated: false });
    this.#graph.choose(widest);
    return true;
  }

  /** Go to the next match of the search, or the one before. */
  nextMatch(direction) {
    if (!this.#hits.length) return;
    const from = this.#hit === NONE && direction < 0 ? 0 : this.#hit;
    this.#hit = (from + direction + this.#hits.length) % this.#hits.length;
    const node = this.#hits[this.#hit];
    this.#graph.choose(node);
    say(`${this.#hit + 1} of ${this.#hits.length}: ${sentenceOf(this.#scene, node)}`);
  }

  /** Go from a waiting frame to what it waited for. */
  follow() {
    const link = this.#scene.link(this.#graph.chosen);
    if (!link) return;
    this.#came.push({ tab: this.#state.tab, node: this.#scene.sampled(this.#graph.chosen) });
    this.#go(this.#profile.tabs[link.tab], link.other);
    say(sentenceOf(this.#scene, this.#graph.chosen));
  }

  #goBack() {
    const { tab, node } = this.#came.pop();
    this.#go(tab, node);
  }

  #go(tab, sampled) {
    this.#setPlain(tab);
    this.#graph.zoomTo(this.#scene.nodeOf(sampled), { animated: false });
  }

  /** Show a tab as sampled, so that every one of its frames can be pointed at. */
  #setPlain(tab) {
    byId("flame-collapse").checked = false;
    byId("flame-bottom-up").checked = false;
    this.#set({ tab, collapsed: false, bottomUp: false });
  }

  #tabOf(matches) {
    const time = (tab) => {
      const total = totals(tab.tree, tab.self);
      const found = outermost(tab.tree, total, matches);
      return tab.nsPerStep(found.reduce((sum, node) => sum + total[node], 0));
    };
    const some = this.#profile.tabs.map((tab) => ({ tab, ns: time(tab) })).filter(({ ns }) => ns > 0);
    const first = some.find(({ tab }) => tab.id === FIRST_FOR_FUNCTIONS);
    return (first ?? some.sort((one, other) => other.ns - one.ns)[0])?.tab;
  }

  /** Take up changes of what is shown. */
  #set(changes) {
    this.#state = { ...this.#state, ...changes };
    const { tab } = this.#state;
    const scene = sceneOf(this.#profile, tab, this.#state);
    const { zoomed, chosen } = this.#graph;
    const kept = { zoomed: this.#kept(scene, zoomed), chosen: this.#kept(scene, chosen) };
    this.#markTab(tab);
    this.#graph.show(scene, kept);
    this.#find();
    this.#writeAbout();
    this.#writeLegend();
  }

  /** Return the node of a new scene that stands for a node of the one shown, the root where none does. */
  #kept(scene, node) {
    const shown = this.#scene;
    if (shown?.view === scene.view) return node;
    const wasPlain = shown?.tab === scene.tab && !shown.view.isBottomUp && !scene.view.isBottomUp;
    return wasPlain ? scene.nodeOf(shown.sampled(node)) : ROOT;
  }

  #bind() {
    const box = byId("flame-search");
    listen(box, {
      input: () => {
        this.#graph.matches = framesMatching(this.#profile.frames, box.value.trim());
        this.#find();
        this.#graph.paintSoon();
      },
      keydown: ({ key, shiftKey }) => {
        if (key === "Enter") this.nextMatch(shiftKey ? -1 : 1);
        if (key === "Escape" && !box.value) byId("flame-box").focus();
      },
    });
    const checked = { "flame-collapse": "collapsed", "flame-bottom-up": "bottomUp" };
    for (const [id, option] of Object.entries(checked)) {
      listen(byId(id), { change: ({ target }) => this.#set({ [option]: target.checked }) });
    }
    const clicked = {
      "flame-reset": () => this.#graph.reset(),
      "flame-back": () => this.#goBack(),
      "flame-up": () => this.#graph.scroll(-this.#halfPage()),
      "flame-down": () => this.#graph.scroll(this.#halfPage()),
    };
    for (const [id, click] of Object.entries(clicked)) listen(byId(id), { click });
    onChoice("flame-width", (width) => this.#set({ width }));
    onChoice("flame-colour", (colour) => {
      this.#graph.colour = colour;
      this.recolour();
    });
  }

  #halfPage() {
    return Math.ceil(this.#graph.size.rows / 2);
  }

  #find() {
    const { matches } = this.#graph;
    const { tree, width, whole, tab } = this.#scene;
    this.#hit = NONE;
    this.#hits = matches ? outermost(tree, width, matches) : [];
    const sum = this.#hits.reduce((all, node) => all + width[node], 0);
    const share = percent(whole ? sum / whole : 0);
    const found = `${share} ${tab.whole}, in ${plural(this.#hits.length, "place")}`;
    byId("flame-found").textContent = matches ? (this.#hits.length ? found : "No match here") : "";
  }

  #onChosen(node) {
    const { tab } = this.#state;
    this.#detail.show(this.#scene, node);
    byId("flame-back").hidden = !this.#came.length;
    this.#onMoved();
    clearTimeout(this.#linking);
    this.#linking = setTimeout(() => {
      if (node !== ROOT) setHash(flameHash(tab, this.#profile.frames, this.#scene.sampled(node)));
      else if (location.hash.startsWith("#flame=")) setHash("");
    }, LINK_MS);
  }

  #onMoved() {
    const { view, size, scene, chosen } = this.#graph;
    byId("flame-reset").disabled = isWhole(view, scene) && chosen === ROOT;
    if (!size) return;
    const all = scene.tree.deepest + 1;
    byId("flame-rows").hidden = size.rows >= all;
    byId("flame-row-text").textContent = `Rows ${view.top + 1} to ${view.top + size.rows} of ${all}`;
    byId("flame-up").disabled = view.top === 0;
    byId("flame-down").disabled = view.top + size.rows >= all;
  }

  #writeAbout() {
    const { tab, steps } = this.#state;
    const { index } = this.#profile.steps;
    const chosen = steps && `steps ${index(steps.first)} to ${index(steps.end - 1)}`;
    const some = chosen && (tab.canFilter ? `Only ${chosen}.` : `All steps: this tab can't show ${chosen} alone.`);
    byId("flame-note").textContent = [tab.note, some].filter(Boolean).join(" ");
    byId("flame-panel").setAttribute("aria-labelledby", `flame-tab-${tab.id}`);
    const empty = !this.#scene.whole;
    byId("flame-empty").hidden = !empty;
    byId("flame-empty").textContent = empty ? emptyText(this.#state, this.#scene) : "";
    byId("flame-shown").hidden = empty;
    if (!empty && !this.#graph.size) this.#graph.resize();
  }

  #writeLegend() {
    const isDifference = this.#graph.colour === "difference";
    const entries = isDifference ? levelEntries : categoryEntries;
    byId("flame-legend").replaceChildren(...entries(this.#scene, this.#graph.palette));
  }
}

function emptyText({ width, steps }, scene) {
  if (scene.total[ROOT] && width === "baseline") return "The baseline has no samples here.";
  if (steps) return "No sample fell into these steps: choose more of them.";
  return "No stack was sampled here in the measured steps: profile a longer window.";
}

function onChoice(name, choose) {
  for (const input of document.getElementsByName(name)) {
    listen(input, { change: () => choose(input.value) });
  }
}
