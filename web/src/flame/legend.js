/** Write the legend of the flame graph: the categories that it shows, or the levels of difference. */

import { BOUNDS } from "./difference.js";
import { difference, duration } from "../units.js";
import { swatch } from "./palette.js";

const LEAST_SHARE = 0.002; // of the width: two pixels of a wide page, where a colour begins to be seen

/** Return the entries for the categories of a scene, as elements. */
export function categoryEntries(scene, palette) {
  const { categories } = scene.profile;
  const labels = [...categories.map(({ label }) => label), "Several"];
  const shown = new Float64Array(labels.length);
  for (let node = 0; node < scene.tree.size; node++) {
    const category = scene.view.shown[node];
    shown[category] = Math.max(shown[category], scene.width[node]);
  }
  return labels.flatMap((label, place) =>
    shown[place] > scene.whole * LEAST_SHARE ? [entry(swatch(palette.strong[place]), label)] : [],
  );
}

/** Return the entries for the levels of difference, from much less to much more time. */
export function levelEntries(scene, palette) {
  return levelTexts(scene.profile.stepNs).map((text, level) => entry(swatch(palette.levels[level]), text));
}

/** Return what each level of difference means, in time a step. */
export function levelTexts(stepNs) {
  const bounds = BOUNDS.map((bound) => bound * stepNs);
  const less = bounds.map((bound) => `from ${difference(-bound)}`).reverse();
  const more = bounds.map((bound) => `from ${difference(bound)}`);
  return [...less, `within \u00b1${duration(bounds[0])}, or few samples`, ...more];
}

function entry(mark, text) {
  const element = document.createElement("span");
  mark.setAttribute("aria-hidden", "true");
  element.append(mark, text);
  return element;
}
