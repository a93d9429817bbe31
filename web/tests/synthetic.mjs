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

/** Return rows {rows, row_leaf, row_ticks} of so many steps, and the ticks that they sum up to. */
export function someRows(random, { steps, nodes }) {
  const seen = Array.from({ length: steps }, () => {
    const some = new Set(Array.from({ length: below(random, 9) }, () => 1 + below(random, nodes - 1)));
    return [...some].map((node) => ({ node, ticks: 1 + below(random, 90) }));
  });
  const self = Array(nodes).fill(0);
  for (const { node, ticks } of seen.flat()) self[node] += ticks;
  const leaves = [...self.keys()].filter((node) => self[node]).sort((one, other) => self[other] - self[one]);
  const leaf = ({ node }) => leaves.indexOf(node);
  for (const rows of seen) rows.sort((one, other) => leaf(one) - leaf(other));
  return {
    rows: seen.map((rows) => rows.length),
    row_leaf: seen.flatMap((rows) => rows.map((row, place) => leaf(row) - (place ? leaf(rows[place - 1]) : 0))),
    row_ticks: seen.flat().map(({ ticks }) => ticks),
    self,
  };
}

/** Return the columns of a tree: of each node with time of its own one part, of the node's category. */
export function columnsOf(id, { depth, frame, category, self, base }, parts = partsOf(self, category)) {
  return [
    [`${id}.up`, depth.map((at, node) => (node ? depth[node - 1] + 1 - at : 0))],
    [`${id}.frame`, frame],
    ...(base ? [[`${id}.category`, category], [`${id}.base`, base]] : []),
    [`${id}.part_node`, parts.map(([node], row) => node - (row ? parts[row - 1][0] : 0))],
    [`${id}.part_category`, parts.map(([, kind]) => kind)],
    [`${id}.part_ticks`, parts.map(([, , ticks]) => ticks)],
  ];
}

function partsOf(self, category) {
  return self.flatMap((ticks, node) => (ticks ? [[node, category[node], ticks]] : []));
}

/** Return a whole profile of some size: {head, sections} with sections as [name, numbers]. */
export function someProfile(seed, { nodes = 300, frames = 40, steps = 20, baseline = true } = {}) {
  const random = chance(seed);
  const rows = someRows(random, { steps, nodes });
  const tree = (size) => ({ ...someTree(random, { nodes: size, frames }), ...(baseline ? {} : { base: undefined }) });
  const training = { ...tree(nodes), self: rows.self };
  const workers = tree(Math.ceil(nodes / 2));
  const parts = Array.from({ length: steps * COLOURS.length }, () => below(random, 900));
  return {
    head: headOf({ frames, steps, baseline, links: [[0, Math.min(5, nodes - 1), 1, 1]] }, random),
    sections: [
      ...columnsOf("training", training),
      ["training.rows", rows.rows],
      ["training.row_leaf", rows.row_leaf],
      ["training.row_ticks", rows.row_ticks],
      ...columnsOf("workers", workers),
      ["steps.index", Array.from({ length: steps }, (_, step) => 100 + step)],
      ["steps.parts", parts],
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
    ns_per_row_tick: 1000,
    base_steps: baseline ? 2 * steps : null,
    base_ns_per_tick: baseline ? 500 : null,
    samples: 4000,
    can_filter: filter,
  });
  return {
    schema: 2,
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

/** Return the bytes of a payload before gzip. */
export function packedBytes({ head, sections }) {
  const planes = sections.map(([, numbers]) => planesNeeded(numbers));
  const listed = sections.map(([name, numbers], place) => [name, planes[place], numbers.length]);
  const text = Buffer.from(JSON.stringify({ ...head, sections: listed }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const columns = sections.map(([, numbers], place) => planesOf(numbers, planes[place]));
  return Buffer.concat([length, text, ...columns]);
}

function planesOf(numbers, planes) {
  const bytes = Buffer.alloc(planes * numbers.length);
  numbers.forEach((number, place) => {
    for (let plane = 0; plane < planes; plane++) bytes[plane * numbers.length + place] = (number >>> (8 * plane)) & 255;
  });
  return bytes;
}

/** Return how many bytes the largest of some numbers needs. */
function planesNeeded(numbers) {
  const largest = numbers.reduce((one, other) => Math.max(one, other), 0);
  return Math.max(1, Math.ceil(Math.log2(largest + 1) / 8));
}

/** Return bytes in a buffer of their own, as inflating gives them. */
export function bufferOf(bytes) {
  return new Uint8Array(bytes).buffer;
}

/** Return the text of a payload element: base64 of gzip, with line breaks. */
export function packedText(profile) {
  return gzipSync(packedBytes(profile)).toString("base64").replace(/.{76}/g, "$&\n");
}
