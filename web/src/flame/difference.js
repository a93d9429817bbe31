/** Sort differences to the baseline into levels by time a step, never by share: a share grows when others shrink. */

export const SAME = 3;
/** The middle of seven levels. */

export const BOUNDS = [0.0025, 0.01, 0.04];
/** Of a step; a difference under the first is noise: a step's mean is known no better in a usual run. */

const LEAST_SAMPLES = 5;
/** Seen in fewer samples, now and in the baseline, a frame may differ by chance: 5 against 0 has p = 0.06. */

/** Return the level 0..6 of a difference; 3 is none. */
export function levelOf(differenceNs, stepNs, samples) {
  if (samples < LEAST_SAMPLES || !stepNs) return SAME;
  const size = Math.abs(differenceNs) / stepNs;
  let level = 0;
  while (level < BOUNDS.length && size >= BOUNDS[level]) level++;
  return differenceNs > 0 ? SAME + level : SAME - level;
}
