/** Profiles and scenes for tests: by chance, or small and by hand. */

import { unpacked } from "../src/data/payload.js";
import { profileOf } from "../src/data/profile.js";
import { sceneOf } from "../src/flame/scene.js";
import { bufferOf, columnsOf, packedBytes, someProfile } from "./synthetic.mjs";

export const PLAIN = { bottomUp: false, collapsed: false, width: "run", steps: null };

/** Return the profile of a packed one. */
export function readProfile(made) {
  return profileOf(unpacked(bufferOf(packedBytes(made))));
}

/** Return a profile by chance. */
export function anyProfile(seed, sizes) {
  return readProfile(someProfile(seed, sizes));
}

/** Return a scene of a profile's first tab. */
export function sceneWith(profile, options = {}) {
  return sceneOf(profile, profile.tabs[0], { ...PLAIN, ...options });
}

/**
 * Return a profile of one tab with a tree written by hand.
 *
 * @param lines each "depth name own category self base", in depth-first order, without the root
 * @param about what differs from a tab of 10 steps with ticks of a millisecond; `links` and `parts` beside it
 */
export function handMade(lines, { links = [], parts = null, ...about } = {}) {
  const rows = ["0 step 0 0 0 0", ...lines].map((line) => line.split(" "));
  const names = [...new Set(rows.map(([, name]) => name))];
  const owns = names.map((name) => Number(rows.find((row) => row[1] === name)[2]));
  const numbers = (column) => rows.map((row) => Number(row[column]));
  const frame = rows.map(([, name]) => names.indexOf(name));
  const tree = { depth: numbers(0), frame, category: numbers(3), self: numbers(4), base: numbers(5) };
  const tab = { id: "training", label: "Training thread", whole: "of step", note: "", steps: 10, samples: 1000 };
  const times = { ns_per_tick: 1e6, ns_per_row_tick: 1e6, base_steps: 10, base_ns_per_tick: 1e6, can_filter: false };
  return readProfile({
    head: {
      schema: 2,
      device: true,
      categories: "data h2d gpu lock other other".split(" ").map((colour, place) => ({
        id: `${colour}${place}`,
        label: `Label ${place}`,
        colour,
      })),
      files: ["train.py"],
      frames: { name: names, file: names.map(() => 0), line: names.map((_, place) => place), own: owns },
      tabs: [{ ...tab, ...times, ...about }],
      steps: { count: 0, ns_per_tick: 1e6 },
      baseline: { name: "before" },
      links,
    },
    sections: columnsOf("training", tree, parts ?? undefined),
  });
}

/** Return all of a scene's tree as lines "depth name total", for comparing. */
export function written(scene) {
  return Array.from({ length: scene.tree.size }, (_, node) =>
    [scene.tree.depth[node], scene.name(node), scene.total[node]].join(" "),
  );
}

export const sum = (numbers) => [...numbers].reduce((all, number) => all + number, 0);
