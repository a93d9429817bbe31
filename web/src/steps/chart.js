/** Draw the steps as stacked columns. */

import { colourVariables } from "../flame/palette.js";
import { duration } from "../units.js";

const LEFT = 58; // pixels for the times at the left, and below for the steps at the ends
const RIGHT = 4;
const TOP = 8;
const BELOW = 22;
const GAP_FROM = 4; // columns wider than this are a pixel apart
const CUT = 2; // height of the gap that says a column goes on
const UNCHOSEN = 0.25; // alpha of steps that are not among the chosen ones
const FONT_SIZE = 11;

/** The order of a column's parts, from the ground up: what computes first, what waits on it. */
export const STACK = ["gpu", "h2d", "data", "lock", "other"];

/** Return where steps and times lie in a chart of a size. */
export function scaleOf({ width, height }, count, highestNs) {
  const [wide, high] = [width - LEFT - RIGHT, height - TOP - BELOW];
  return {
    width,
    height,
    wide,
    ground: TOP + high,
    x: (step) => LEFT + (step / count) * wide,
    y: (ns) => TOP + high - (Math.min(ns, highestNs) / highestNs) * high,
    step: (x) => Math.min(count - 1, Math.max(0, Math.floor(((x - LEFT) / wide) * count))),
    highestNs,
  };
}

/**
 * Draw the columns, the median line and the axes.
 *
 * @param context of the canvas, scaled to CSS pixels
 * @param scale where steps and times lie
 * @param chart {steps, columns, chosen: null or {first, end}, pointed: a range or null}
 */
export function drawSteps(context, scale, { steps, columns, chosen, pointed }) {
  const colour = colourVariables();
  const [fills, ground] = [STACK.map(colour), colour("surface")];
  context.fillStyle = ground;
  context.fillRect(0, 0, scale.width, scale.height);
  for (const column of columns) {
    const inside = !chosen || (column.end > chosen.first && column.first < chosen.end);
    context.globalAlpha = inside ? 1 : UNCHOSEN;
    drawColumn(context, scale, column, { fills, ground });
  }
  context.globalAlpha = 1;
  drawMedian(context, scale, steps, colour);
  drawAxes(context, scale, steps, colour);
  if (pointed) drawFrame(context, scale, pointed, colour);
}

function drawColumn(context, scale, column, { fills, ground }) {
  const [left, right] = [column.first, column.end].map((step) => Math.round(scale.x(step)));
  const width = right - left > GAP_FROM ? right - left - 1 : right - left;
  let sum = 0;
  for (const [place, part] of column.parts.entries()) {
    const from = scale.y(sum);
    sum += part;
    context.fillStyle = fills[place];
    context.fillRect(left, scale.y(sum), width, from - scale.y(sum));
  }
  if (sum > scale.highestNs) {
    context.fillStyle = ground;
    context.fillRect(left, TOP + CUT * 2, width, CUT);
  }
}

function drawMedian(context, scale, steps, colour) {
  const y = Math.round(scale.y(steps.median)) + 0.5;
  context.strokeStyle = colour("ink");
  context.lineWidth = 1;
  context.setLineDash([4, 3]);
  context.beginPath();
  context.moveTo(LEFT, y);
  context.lineTo(scale.width - RIGHT, y);
  context.stroke();
  context.setLineDash([]);
}

function drawAxes(context, scale, steps, colour) {
  const text = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  context.font = `${FONT_SIZE * text}px system-ui,sans-serif`;
  context.fillStyle = colour("ink");
  const write = (words, x, y, align) => {
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(words, x, y, align === "right" && x <= LEFT ? LEFT - 6 : scale.wide / 2);
  };
  const median = scale.y(steps.median);
  const line = FONT_SIZE * text * 1.2;
  write(duration(steps.median), LEFT - 5, median, "right");
  if (scale.ground - median > line) write("0", LEFT - 5, scale.ground - 4, "right");
  if (median - TOP > line) write(duration(scale.highestNs), LEFT - 5, TOP, "right");
  write(`step ${steps.index(0)}`, LEFT, scale.ground + BELOW / 2, "left");
  write(`step ${steps.index(steps.count - 1)}`, scale.width - RIGHT, scale.ground + BELOW / 2, "right");
}

function drawFrame(context, scale, { first, end }, colour) {
  const [left, right] = [scale.x(first), scale.x(end)];
  context.strokeStyle = colour("ink");
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, TOP - 4.5, Math.max(2, right - left - 1), scale.ground - TOP + 4);
}
