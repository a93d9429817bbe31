/** Paint a scene on a canvas: one fill style a group of frames, labels cut by arithmetic. */

import { ROOT } from "../data/tree.js";
import { eachMark } from "./marks.js";

const FONT_FAMILY = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace';
const FONT_SIZE = 12;
const ROW_HEIGHT = 18;
const PADDING = 4;
const LEAST_LABEL = 26; // pixels: two letters and the dots
const GAP_FROM = 2; // frames wider than this are a pixel apart
const HATCHED_FROM = 5; // a hatch is not seen in less
const MARK_HEIGHT = 2; // of the line under a match
const ASCII = /^[\x20-\x7e]*$/;

/** Return the font and the row height for the page's text size. */
export function lettering(context) {
  const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const font = `${FONT_SIZE * scale}px ${FONT_FAMILY}`;
  context.font = font;
  return { font, rowHeight: Math.round(ROW_HEIGHT * scale), letter: context.measureText("MMMMMMMMMM").width / 10 };
}

/**
 * Paint what is seen of a scene.
 *
 * @param context of the canvas, scaled to CSS pixels
 * @param scene what to show
 * @param view the part of it to show
 * @param look {palette, size, text, colour, matches, hover, chosen, ring}
 */
export function paint(context, scene, view, look) {
  const { palette, size } = look;
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, size.width, size.height);
  if (!scene.whole) return;
  const groups = new Map();
  const labels = [];
  const found = [];
  eachMark(scene, view, size, (node, left, width, row) => {
    const style = styleOf(scene, node, look);
    if (!groups.has(style)) groups.set(style, []);
    groups.get(style).push(left, row * look.text.rowHeight, width > GAP_FROM ? width - 1 : width);
    if (width > LEAST_LABEL) labels.push({ node, left, width, row, style });
    if (look.matches?.[scene.frame(node)] && width > GAP_FROM) found.push({ left, width, row });
  });
  for (const [style, boxes] of groups) fillGroup(context, style, boxes, look);
  Object.assign(context, { font: look.text.font, textBaseline: "middle", textAlign: "left" });
  for (const label of labels) writeLabel(context, scene, label, look);
  for (const match of found) underline(context, match, look);
  outline(context, scene, view, { node: look.hover, colour: palette.ink, line: 1 }, look);
  if (look.chosen !== ROOT) {
    outline(context, scene, view, { node: look.chosen, colour: palette.ink, line: 2 }, look);
  }
  if (look.ring) outline(context, scene, view, { node: look.chosen, colour: palette.accent, line: 3 }, look);
}

function styleOf(scene, node, { palette, colour, matches }) {
  if (matches && !matches[scene.frame(node)]) return palette.dim;
  if (colour === "difference") return palette.levels[scene.differenceLevel(node)];
  const shown = scene.view.shown[node];
  return matches || scene.isOwn(node) ? palette.strong[shown] : palette.pale[shown];
}

function fillGroup(context, style, boxes, { palette, text }) {
  const height = text.rowHeight - 1;
  const each = (least, draw) => {
    for (let i = 0; i < boxes.length; i += 3) {
      if (boxes[i + 2] > least) draw(boxes[i], boxes[i + 1], boxes[i + 2]);
    }
  };
  context.fillStyle = style.fill;
  each(0, (x, y, width) => context.fillRect(x, y, width, height));
  if (style.hatch) {
    context.fillStyle = style.hatch;
    each(HATCHED_FROM, (x, y, width) => context.fillRect(x, y, width, height));
  }
  if (palette.edge) {
    Object.assign(context, { strokeStyle: palette.edge, lineWidth: 1 });
    each(GAP_FROM, (x, y, width) => context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1));
  }
}

function writeLabel(context, scene, { node, left, width, row, style }, { text }) {
  const joined = scene.joined(node);
  const name = joined ? `${scene.name(node)} +${joined}` : scene.name(node);
  const shown = cut(name, Math.floor((width - 2 * PADDING) / text.letter));
  if (!shown) return;
  context.fillStyle = style.ink;
  const [x, y] = [left + PADDING, (row + 0.5) * text.rowHeight];
  // Letters of other scripts may be wider than the arithmetic takes them to be: those are squeezed.
  if (ASCII.test(shown)) context.fillText(shown, x, y);
  else context.fillText(shown, x, y, width - 2 * PADDING);
}

/** Return a name cut to so many letters, never inside a character of two code units; "" for under two. */
export function cut(name, letters) {
  if (letters < 2) return "";
  if (name.length <= letters) return name;
  const kept = name.slice(0, letters - 1);
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}\u2026`;
}

function underline(context, { left, width, row }, { palette, text }) {
  context.fillStyle = palette.ink;
  context.fillRect(left, (row + 1) * text.rowHeight - MARK_HEIGHT - 1, width - 1, MARK_HEIGHT);
}

function outline(context, scene, view, { node, colour, line }, { size, text }) {
  const row = node < 0 ? -1 : scene.tree.depth[node] - view.top;
  if (row < 0 || row >= size.rows) return;
  const scale = size.width / (view.x1 - view.x0);
  const left = Math.max(0, (scene.start[node] - view.x0) * scale);
  const right = Math.min(size.width, (scene.start[node] + scene.width[node] - view.x0) * scale);
  if (right <= left) return;
  context.strokeStyle = colour;
  context.lineWidth = line;
  const inset = line / 2;
  const [wide, high] = [Math.max(1, right - left - 1 - line), text.rowHeight - 1 - line];
  context.strokeRect(left + inset, row * text.rowHeight + inset, wide, high);
}
