/** Turn a frame into the part of a link that leads to it, and back: `flame=TAB/frame/frame`, each encoded. */

import { NONE, ROOT, children, pathTo } from "../data/tree.js";

const PREFIX = "flame=";

/** Return the link's part for a sampled node of a tab. */
export function flameHash(tab, frames, node) {
  const names = pathTo(tab.tree, node).map((at) => frames.name(tab.tree.frame[at]));
  return PREFIX + [tab.id, ...names].map(encodeURIComponent).join("/");
}

/** Return {tab, names} of a link's part, or null where it is no such link. */
export function parsedHash(hash) {
  if (!hash.startsWith(PREFIX)) return null;
  try {
    const [tab, ...names] = hash.slice(PREFIX.length).split("/").map(decodeURIComponent);
    return { tab, names };
  } catch {
    return null; // "%" without two digits: no link of ours
  }
}

/** Return the sampled node at the end of a path of names, the widest where several are, or NONE. */
export function nodeOfPath(tab, frames, names, total) {
  const { tree } = tab;
  let level = [ROOT];
  for (const name of names) {
    level = level.flatMap((node) =>
      [...children(tree, node)].filter((child) => frames.name(tree.frame[child]) === name),
    );
  }
  return level.reduce((best, node) => (best === NONE || total[node] > total[best] ? node : best), NONE);
}
