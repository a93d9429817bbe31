/** Fit a canvas to its place on the page. */

const DENSEST = 2; // device pixels a CSS pixel: more costs four times the work and is not seen

/** Give a context's canvas a size in CSS pixels, sharp on dense screens; this clears it. */
export function fitted(context, width, height) {
  const density = Math.min(DENSEST, window.devicePixelRatio || 1);
  const { canvas } = context;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  canvas.style.height = `${height}px`;
  context.setTransform(density, 0, 0, density, 0, 0);
}
