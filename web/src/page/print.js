/** Print everything: all details open, in light colours; and put all back afterwards. */

import { listen } from "./dom.js";

/** Bind printing to a theme switch, which paints the canvases at once. */
export function bindPrinting(theme) {
  let screen = theme.now();
  let closed = [];
  const beforeprint = () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
    screen = theme.now();
    theme.show("light");
  };
  const afterprint = () => {
    for (const details of closed) details.open = false;
    theme.show(screen);
  };
  listen(window, { beforeprint, afterprint });
}
