/** Turn the tabs of a profile into a file that speedscope opens: one sampled profile a tab. */

import { ROOT, pathTo } from "./tree.js";

const SCHEMA = "https://www.speedscope.app/file-format-schema.json";

/** Return the parts of the JSON text, in order: one string of all may be longer than a string can be. */
export function speedscopeParts(profile, name) {
  const { frames, tabs } = profile;
  const shared = Array.from({ length: frames.count }, (_, frame) => frameOf(frames, frame));
  const head = { $schema: SCHEMA, exporter: "throughput", name, activeProfileIndex: 0, shared: { frames: shared } };
  const parts = [JSON.stringify(head).slice(0, -1), ',"profiles":['];
  for (const [place, tab] of tabs.entries()) {
    if (place) parts.push(",");
    parts.push(JSON.stringify(profileOf(tab)));
  }
  return [...parts, "]}"];
}

function frameOf(frames, frame) {
  const [name, file, line] = [frames.name(frame), frames.file(frame), frames.line(frame)];
  return { name, ...(file && { file }), ...(line > 0 && { line }) };
}

/** Return the stacks of a tab below its root, each with the nanoseconds that all steps spent in its last frame. */
function profileOf(tab) {
  const { tree, self } = tab;
  const samples = [];
  const weights = [];
  let whole = 0;
  for (let node = ROOT; node < tree.size; node++) {
    if (!self[node]) continue;
    const ns = Math.round(self[node] * tab.ticksNs);
    samples.push(pathTo(tree, node).map((at) => tree.frame[at]));
    weights.push(ns);
    whole += ns;
  }
  return { type: "sampled", name: tab.label, unit: "nanoseconds", startValue: 0, endValue: whole, samples, weights };
}
