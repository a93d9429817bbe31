/** Say in words what the page knows of a step, or of several. */

import { duration, percent, rate } from "../units.js";

const LEAST_SHARE = 0.005; // of the time shown: what is under half a percent changes no decision

/** Return what a step, or the mean of a range of steps, took: "Steps 12 to 19: mean 160 ms, ...". */
export function rangeText({ steps, categories }, { first, end }) {
  const mean = steps.mean(first, end);
  const parts = categories
    .map(({ label }, category) => ({ label, ns: partOf(steps, category, { first, end }) }))
    .filter(({ ns }) => ns >= mean * LEAST_SHARE)
    .sort((one, other) => other.ns - one.ns)
    .map(({ label, ns }) => `${label} ${duration(ns)} (${percent(ns / mean)})`);
  const which =
    end - first === 1
      ? `Step ${steps.index(first)}: ${duration(mean)}`
      : `Steps ${steps.index(first)} to ${steps.index(end - 1)}: mean ${duration(mean)}, ${rate(1e9 / mean, "steps")}`;
  return `${which}. ${parts.join(", ")}.`;
}

/** Return what all steps took. */
export function allText({ steps }, cutAtNs) {
  const cut = cutAtNs < steps.slowest ? "; higher columns are cut" : "";
  return `Median ${duration(steps.median)}, slowest ${duration(steps.slowest)}${cut}.`;
}

function partOf(steps, category, { first, end }) {
  let sum = 0;
  for (let step = first; step < end; step++) sum += steps.part(step, category);
  return sum / (end - first);
}
