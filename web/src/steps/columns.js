/** Gather steps into the columns of a chart: one step each where they fit, else the mean of a few. */

/**
 * Return the columns of all steps.
 *
 * @param steps the profile's steps
 * @param groups for each part of a column the categories in it
 * @param most how many columns fit
 * @returns {first, end, parts, ns}: which steps, and the mean time of each part and of all, in nanoseconds
 */
export function columnsOf(steps, groups, most) {
  const many = Math.max(1, Math.min(steps.count, most));
  return Array.from({ length: many }, (_, column) => {
    const first = Math.floor((column * steps.count) / many);
    const end = Math.floor(((column + 1) * steps.count) / many);
    const parts = groups.map((categories) => meanOf(steps, categories, { first, end }));
    return { first, end, parts, ns: parts.reduce((sum, part) => sum + part, 0) };
  });
}

function meanOf(steps, categories, { first, end }) {
  let sum = 0;
  for (let step = first; step < end; step++) {
    for (const category of categories) sum += steps.part(step, category);
  }
  return sum / (end - first);
}

/** Return the range from one step to another, both in it, whichever comes first. */
export function rangeOf(one, other) {
  return { first: Math.min(one, other), end: Math.max(one, other) + 1 };
}
