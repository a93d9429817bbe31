/** Say in words what the page knows of a frame. */

import { pathTo } from "../data/tree.js";
import { difference, duration, percent, plural } from "../units.js";

const CALLERS = 3; // of the nearest, in the detail line
const PARTS = 3; // categories named of a frame that has several
const ALL = 0.995; // one category has a frame to itself

/** Return the facts of a frame as titles and texts. */
export function factsOf(scene, node) {
  const facts = [
    ["Function", nameOf(scene, node)],
    ["Place", scene.place(node)],
    ["Time", timeOf(scene, node)],
    ["In itself", scene.self[node] ? `${duration(scene.selfNs(node))} a step` : ""],
    ["Category", categoriesOf(scene, node)],
    ["Baseline", baselineOf(scene, node)],
  ];
  return facts.filter(([, text]) => text);
}

/** Return the nearest frames between the root and a frame, the frame not among them. */
export function wayTo(scene, node) {
  const names = pathTo(scene.tree, node).slice(0, -1).map((at) => scene.name(at));
  const shown = names.slice(-CALLERS);
  return (names.length > shown.length ? ["\u2026", ...shown] : shown).join(" \u203a ");
}

/** Return the facts as one sentence, for a screen reader. */
export function sentenceOf(scene, node) {
  const depth = `row ${scene.tree.depth[node] + 1}`;
  return [...factsOf(scene, node).map(([, text]) => text), depth].join(", ");
}

function nameOf(scene, node) {
  const joined = scene.joined(node);
  const name = scene.name(node);
  return joined ? `${name}, with ${plural(joined, "library frame")} that it called` : name;
}

function timeOf(scene, node) {
  const { tab } = scene;
  const seen = scene.samples(node);
  const samples = scene.isRough(node) ? `${plural(seen, "sample")}, too few to trust` : plural(seen, "sample");
  const time = `${duration(scene.ns(node))} a step \u00b7 ${percent(scene.share(node))} ${tab.whole}`;
  return Number.isFinite(seen) ? `${time} \u00b7 ${samples}` : time;
}

/** Return the categories of a frame's time with their shares of it, or the only one. */
export function categoriesOf(scene, node) {
  const parts = scene.parts(node);
  const label = (part) => scene.profile.categories[part.category].label;
  if (!parts.length) return "";
  if (parts[0].share >= ALL) return label(parts[0]);
  const named = parts.slice(0, PARTS).map((part) => `${label(part)} ${percent(part.share)}`);
  return `${named.join(", ")}${parts.length > PARTS ? ", \u2026" : ""} of it`;
}

function baselineOf(scene, node) {
  if (!scene.base) return "";
  const change = scene.ns(node) - scene.baseNs(node);
  return `${duration(scene.baseNs(node))} a step (${change ? difference(change) : "no difference"})`;
}
