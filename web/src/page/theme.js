/** Switch between light and dark: the system's choice until the reader makes one. */

import { byId, listen } from "./dom.js";
import { recalled, remember } from "./store.js";

/** Which media each theme's rule of dark colours is for; paper is light. */
const DARK_FOR = { light: "not all", dark: "screen" };
const NAME = "theme";

/** Take up the theme, and bind its button; `changed()` hears when the colours are others. Returns the switch. */
export function themeSwitch(changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => (recalled(NAME) in DARK_FOR ? recalled(NAME) : null);
  const rule = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).find((one) => one.media);
  const button = byId("theme");
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    if (rule) rule.media.mediaText = DARK_FOR[theme];
    if (button) button.textContent = theme === "dark" ? "Light theme" : "Dark theme";
    changed();
  };
  const now = () => document.documentElement.dataset.theme;
  const turn = () => {
    const theme = now() === "dark" ? "light" : "dark";
    remember(NAME, theme);
    show(theme);
  };
  listen(dark, { change: () => chosen() ?? show(systems(dark)) });
  listen(matchMedia("(forced-colors: active)"), { change: changed });
  listen(button, { click: turn });
  show(chosen() ?? systems(dark));
  return { turn, show, now };
}

function systems(dark) {
  return dark.matches ? "dark" : "light";
}
