/** Fit a canvas to its place on the page. */

const DENSEST = 2; // device pixels a CSS pixel: more costs four times the work and is not seen

/** Give a context's canvas a size in CSS pixels, sharp on dense screens; returns whether that cleared it. */
export function fitted(context, width, height) {
  const density = Math.min(DENSEST, window.devicePixelRatio || 1);
  const { canvas } = context;
  const [wide, high] = [Math.round(width * density), Math.round(height * density)];
  canvas.style.height = `${height}px`;
  const isOther = canvas.width !== wide || canvas.height !== high;
  if (isOther) [canvas.width, canvas.height] = [wide, high];
  context.setTransform(density, 0, 0, density, 0, 0);
  return isOther;
}
