/** Make profiles by chance, but the same for the same seed, and pack them as the report does. */

import { gzipSync } from "node:zlib";

const COLOURS = ["data", "h2d", "gpu", "lock", ...Array(8).fill("other")];

/** Return a generator of numbers 0..1 (mulberry32). */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (random, limit) => Math.floor(random() * limit);

/** Return columns of a tree in depth-first order, and a baseline's ticks for it. */
export function someTree(random, { nodes, frames, deepest = 12 }) {
  const depth = [0];
  for (let node = 1; node < nodes; node++) {
    const last = depth[node - 1];
    depth.push(node === 1 ? 1 : 1 + below(random, Math.min(last + 1, deepest)));
  }
  const often = () => below(random, 4);
  return {
    depth,
    frame: depth.map((at) => (at ? 1 + below(random, frames - 1) : 0)),
    category: depth.map(() => below(random, COLOURS.length)),
    self: depth.map((at) => (at && often() ? below(random, 500) : 0)),
    base: depth.map((at) => (at && often() ? below(random, 500) : 0)),
  };
}

/** Return rows {rows, row_node, row_ticks} of so many steps, and the ticks that they sum up to. */
export function someRows(random, { steps, nodes }) {
  const made = { rows: [], row_node: [], row_ticks: [] };
  const self = Array(nodes).fill(0);
  for (let step = 0; step < steps; step++) {
    const seen = [...new Set(Array.from({ length: below(random, 9) }, () => 1 + below(random, nodes - 1)))];
    if (step % 2) seen.sort((one, other) => one - other);
    made.rows.push(seen.length);
    seen.forEach((node, place) => {
      const ticks = 1 + below(random, 90);
      made.row_node.push((node - (place ? seen[place - 1] : 0)) >>> 0);
      made.row_ticks.push(ticks);
      self[node] += ticks;
    });
  }
  return { ...made, self };
}

/** Return a whole profile of some size: {head, sections} with sections as [name, type, numbers]. */
export function someProfile(seed, { nodes = 300, frames = 40, steps = 20, baseline = true } = {}) {
  const random = chance(seed);
  const rows = someRows(random, { steps, nodes });
  const training = { ...someTree(random, { nodes, frames }), self: rows.self };
  const workers = someTree(random, { nodes: Math.ceil(nodes / 2), frames });
  const parts = Array.from({ length: steps * COLOURS.length }, () => below(random, 900));
  const columns = (id, tree) => [
    [`${id}.depth`, "u16", tree.depth],
    [`${id}.frame`, "u32", tree.frame],
    [`${id}.category`, "u8", tree.category],
    [`${id}.self`, "p32", tree.self],
    ...(baseline ? [[`${id}.base`, "p32", tree.base]] : []),
  ];
  return {
    head: headOf({ frames, steps, baseline, links: [[0, Math.min(5, nodes - 1), 1, 1]] }, random),
    sections: [
      ...columns("training", training),
      ["training.rows", "u32", rows.rows],
      ["training.row_node", "p32", rows.row_node],
      ["training.row_ticks", "p32", rows.row_ticks],
      ...columns("workers", workers),
      ["steps.index", "u32", Array.from({ length: steps }, (_, step) => 100 + step)],
      ["steps.parts", "u32", parts],
    ],
  };
}

function headOf({ frames, steps, baseline, links }, random) {
  const tab = (id, label, filter) => ({
    id,
    label,
    whole: id === "training" ? "of step" : "of what is shown",
    note: "",
    steps,
    ns_per_tick: 1000,
    base_steps: baseline ? 2 * steps : null,
    base_ns_per_tick: baseline ? 500 : null,
    samples: 4000,
    can_filter: filter,
  });
  return {
    schema: 1,
    device: false,
    categories: COLOURS.map((colour, place) => ({ id: `c${place}`, label: `Category ${place}`, colour })),
    files: ["train.py", "lib/torch.py"],
    frames: {
      name: Array.from({ length: frames }, (_, frame) => (frame ? `function_${frame}` : "step")),
      file: Array.from({ length: frames }, (_, frame) => frame % 2),
      line: Array.from({ length: frames }, (_, frame) => frame * 3),
      own: Array.from({ length: frames }, () => below(random, 2)),
    },
    tabs: [tab("training", "Training thread", true), tab("workers", "DataLoader workers", false)],
    steps: { count: steps, ns_per_tick: 1000 },
    baseline: baseline ? { name: "before" } : null,
    links,
  };
}

const WIDTHS = { u8: 1, u16: 2, u32: 4, p32: 4 };

/** Return the bytes of a payload before gzip. */
export function packedBytes({ head, sections }) {
  let offset = 0;
  const listed = sections.map(([name, type, numbers]) => {
    const at = offset;
    offset = Math.ceil((at + numbers.length * WIDTHS[type]) / 8) * 8;
    return [name, type, at, numbers.length];
  });
  const text = Buffer.from(JSON.stringify({ ...head, sections: listed }));
  const begin = Math.ceil((4 + text.length) / 8) * 8;
  const bytes = Buffer.alloc(begin + offset);
  bytes.writeUInt32LE(text.length, 0);
  text.copy(bytes, 4);
  sections.forEach(([, type, numbers], place) => write(bytes, begin + listed[place][2], type, numbers));
  return bytes;
}

function write(bytes, from, type, numbers) {
  numbers.forEach((number, place) => {
    if (type === "p32") {
      for (let plane = 0; plane < 4; plane++) {
        bytes[from + plane * numbers.length + place] = (number >>> (8 * plane)) & 255;
      }
    } else {
      bytes.writeUIntLE(number, from + place * WIDTHS[type], WIDTHS[type]);
    }
  });
}

/** Return bytes in a buffer of their own, as inflating gives them. */
export function bufferOf(bytes) {
  return new Uint8Array(bytes).buffer;
}

/** Return the text of a payload element: base64 of gzip, with line breaks. */
export function packedText(profile) {
  return gzipSync(packedBytes(profile)).toString("base64").replace(/.{76}/g, "$&\n");
}
