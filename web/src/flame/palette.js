/**
 * Turn the page's colour variables into what a canvas fills with.
 *
 * Categories that share grey are told apart by a hatch; `hatches` has one for each grey category, in their
 * order.
 */

const TILE = 8; // CSS pixels: a hatch is seen in frames of two tiles and does not hide letters
const HATCH_ALPHA = 0.3; // seen, and letters on it stay readable
const SWATCH = 16; // pixels: two tiles of a hatch
const LEVELS = 7;

const RISING = [[-2, 2, 2, -2], [0, 8, 8, 0], [6, 10, 10, 6]];
const FALLING = [[-2, 6, 2, 10], [0, 0, 8, 8], [6, -2, 10, 2]];
const UPRIGHT = [[4, 0, 4, 8]];
const LEVEL = [[0, 4, 8, 4]];
const DASHES = [[2, 4, 6, 4]];
const HATCHES = [RISING, FALLING, UPRIGHT, [], LEVEL, [...RISING, ...FALLING], [...UPRIGHT, ...LEVEL], DASHES];
/** The fourth grey category, host work, has none: it is the most usual one. */

/**
 * Return the styles of the page's colours as they are now.
 *
 * A style is {fill, ink, hatch}. `strong` and `pale` have one for each category, and one more for frames of
 * several categories; `levels` has one for each level of difference.
 */
export function paletteOf(categories, context) {
  const colour = colourVariables();
  const keys = [...categories.map((category) => category.colour), "mixed"];
  const hatches = hatchesOf(keys, context, colour("soft-ink"));
  const styles = (suffix, ink) =>
    keys.map((key, place) => ({ fill: colour(key + suffix), ink: ink(key), hatch: hatches[place] }));
  return {
    ground: colour("surface"),
    ink: colour("ink"),
    mute: colour("mute"),
    accent: colour("accent"),
    edge: colour("frame-edge"),
    dim: { fill: colour("dim"), ink: colour("soft-ink"), hatch: null },
    strong: styles("", (key) => colour(`${key}-ink`)),
    pale: styles("-soft", () => colour("soft-ink")),
    levels: Array.from({ length: LEVELS }, (_, level) => ({
      fill: colour(`d${level}`),
      ink: colour(level === 0 || level === LEVELS - 1 ? "difference-edge-ink" : "soft-ink"),
      hatch: null,
    })),
  };
}

/** Return how to read a colour variable of the page, without its dashes. */
export function colourVariables() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

function hatchesOf(keys, context, ink) {
  let grey = 0;
  return keys.map((key) => {
    const lines = key === "other" ? HATCHES[grey++ % HATCHES.length] : [];
    return lines.length ? context.createPattern(tileOf(lines, ink), "repeat") : null;
  });
}

function tileOf(lines, ink) {
  const tile = document.createElement("canvas");
  tile.width = TILE;
  tile.height = TILE;
  const context = tile.getContext("2d");
  context.strokeStyle = ink;
  context.globalAlpha = HATCH_ALPHA;
  context.beginPath();
  for (const [x0, y0, x1, y1] of lines) {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.stroke();
  return tile;
}

/** Return a small canvas in a style, for a legend. */
export function swatch(style) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SWATCH, SWATCH];
  const context = canvas.getContext("2d");
  for (const fill of [style.fill, style.hatch]) {
    if (!fill) continue;
    context.fillStyle = fill;
    context.fillRect(0, 0, SWATCH, SWATCH);
  }
  return canvas;
}
