/**
 * Turn quantities into text exactly as the rest of the report does: one shared table tests both.
 *
 * No-break spaces stand before units. What is not zero is never shown as zero. What is no number was not
 * measured. Rounding is that of Python: to the nearest, and an exact tie to the even digit. Intervals are
 * written by Python alone, so nothing here takes a half width.
 */

export const NBSP = "\u00a0";
export const NOT_MEASURED = "not measured";

const TIMES = [
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "\u00b5s"],
];
const ALMOST_ONE = 0.9995; // 999.7 us is shown as 1.00 ms, not as 1,000 us
const MINUS = "\u2212";

/** Return a share 0..1 as percent. */
export function percent(share) {
  if (!isNumber(share)) return NOT_MEASURED;
  const value = share * 100;
  if (value === 0) return `0${NBSP}%`;
  if (value > 0 && value < 0.1) return `<0.1${NBSP}%`;
  return `${fixed(value, Math.abs(value) >= 9.95 ? 0 : 1)}${NBSP}%`;
}

/** Return nanoseconds as the largest fitting of ns, us, ms, s, min, h. */
export function duration(ns) {
  if (!isNumber(ns)) return NOT_MEASURED;
  const size = Math.abs(ns);
  if (size >= 3_600e9) return `${fixed(ns / 3_600e9, 1)}${NBSP}h`;
  if (size >= 600e9) return `${fixed(ns / 60e9, 0)}${NBSP}min`;
  for (const [scale, unit] of TIMES) {
    if (size >= scale * ALMOST_ONE) return `${number(ns / scale)}${NBSP}${unit}`;
  }
  return `${fixed(ns, 0)}${NBSP}${ns ? "ns" : "ms"}`;
}

/** Return a difference of two durations with its sign: "+38 ms", "−4.8 ms". */
export function difference(ns) {
  if (!isNumber(ns) || ns === 0) return duration(ns);
  return `${ns > 0 ? "+" : MINUS}${duration(Math.abs(ns))}`;
}

/** Return a rate such as "12.3 steps/s". */
export function rate(perSecond, unit) {
  return isNumber(perSecond) ? `${number(perSecond)}${NBSP}${unit}/s` : NOT_MEASURED;
}

/** Return a count with thousands separators; a fraction keeps three digits. */
export function count(value) {
  if (!isNumber(value)) return NOT_MEASURED;
  return Number.isInteger(value) ? grouped(fixed(value, 0)) : number(value);
}

/** Return "1 step" or "1,200 steps"; a noun that ends in s, x, ch or sh takes "es". */
export function plural(many, noun) {
  const ending = /(?:s|x|ch|sh)$/.test(noun) ? "es" : "s";
  return `${count(many)}${NBSP}${noun}${many === 1 ? "" : ending}`;
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function number(value) {
  const size = Math.abs(value);
  if (size > 0 && size < 0.1) return twoDigits(value);
  return grouped(fixed(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2));
}

/** Return the value with so many decimals; unlike `toFixed`, an exact tie goes to the even digit. */
function fixed(value, digits) {
  const halves = value * 2 ** (digits + 1);
  if (!Number.isInteger(halves) || halves % 2 === 0) return value.toFixed(digits);
  // Exactly between two: a double can only be so where value * 2^(digits + 1) is odd.
  const below = Math.floor(Math.abs(value) * 10 ** digits);
  const even = below % 2 === 0 ? below : below + 1;
  return `${value < 0 ? "-" : ""}${(even / 10 ** digits).toFixed(digits)}`;
}

/** Return two significant digits without trailing zeros; as an exponent below a ten-thousandth. */
function twoDigits(value) {
  const [mantissa, exponent] = value.toExponential(1).split("e");
  const power = Number(exponent);
  const short = (text) => text.replace(/\.?0+$/, "");
  if (power >= -4) return short(fixed(value, 1 - power));
  return `${short(mantissa)}e-${String(-power).padStart(2, "0")}`;
}

function grouped(text) {
  const [whole, rest] = text.split(".");
  const parts = whole.replace(/\B(?=(?:\d{3})+$)/g, ",");
  return rest === undefined ? parts : `${parts}.${rest}`;
}
