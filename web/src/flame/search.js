/** Find frames by name: a part of a name or file in any case, or a regular expression between slashes. */

import { ROOT } from "../data/tree.js";

/** Return for each frame 1 where the text matches its name or place, else 0; null for an empty text. */
export function framesMatching(frames, text) {
  if (!text) return null;
  const matches = tester(text);
  return Uint8Array.from({ length: frames.count }, (_, frame) =>
    matches(`${frames.name(frame)} ${frames.place(frame)}`) ? 1 : 0,
  );
}

function tester(text) {
  const between = /^\/(.+)\/$/.exec(text);
  if (between) {
    try {
      const expression = new RegExp(between[1], "i");
      return (name) => expression.test(name);
    } catch {
      // no expression after all: looked for as it stands
    }
  }
  const wanted = text.toLowerCase();
  return (name) => name.toLowerCase().includes(wanted);
}

/** Return which frames are of a function: those in that file, or where none is there all of that name. */
export function framesOfFunction(frames, { name, file }) {
  const named = [];
  for (let frame = 0; frame < frames.count; frame++) if (frames.name(frame) === name) named.push(frame);
  const inFile = named.filter((frame) => sameFile(frames.file(frame), file));
  const matches = new Uint8Array(frames.count);
  for (const frame of inFile.length ? inFile : named) matches[frame] = 1;
  return matches;
}

/** Return whether one path is the other or ends in it, as a place may be shown from another folder. */
function sameFile(one, other) {
  return Boolean(one && other) && (one === other || one.endsWith(`/${other}`) || other.endsWith(`/${one}`));
}

/** Return the outermost nodes below `root` whose frames match: their times do not overlap, so they add up. */
export function outermost(tree, width, matches, root = ROOT) {
  const found = [];
  let node = root;
  while (node < tree.end[root]) {
    if (matches[tree.frame[node]]) {
      if (width[node] > 0) found.push(node);
      node = tree.end[node];
    } else {
      node++;
    }
  }
  return found;
}
