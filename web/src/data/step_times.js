/** Turn the payload's step columns into the time of each step and of each category in it. */

import { DamagedPayload } from "./payload.js";

/** Return the clean steps, or none: `index(step)` in the run, `ns(step)` and `part(step, category)`. */
export function stepsOf(payload) {
  const { head } = payload;
  const { count, ns_per_tick: ticksNs } = head.steps;
  const categories = head.categories.length;
  if (!count) return { count: 0 };
  const index = payload.column("steps.index");
  const parts = payload.column("steps.parts");
  if (index.length !== count || parts.length !== count * categories) {
    throw new DamagedPayload("the steps are cut off");
  }
  const whole = new Float64Array(count);
  for (let step = 0; step < count; step++) {
    for (let category = 0; category < categories; category++) {
      whole[step] += parts[step * categories + category] * ticksNs;
    }
  }
  return {
    count,
    index: (step) => index[step],
    ns: (step) => whole[step],
    part: (step, category) => parts[step * categories + category] * ticksNs,
    median: median(whole),
    slowest: whole.reduce((one, other) => Math.max(one, other), 0),
    /** Return the mean time of the steps from `first` up to `end`. */
    mean: (first, end) => mean(whole.subarray(first, end)),
  };
}

function median(numbers) {
  const sorted = numbers.slice().sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
