/** Single keys that work anywhere on the page, until the reader switches them off. */

import { byId, listen } from "./dom.js";
import { recalled, remember } from "./store.js";

const NAME = "keys";
const OFF = "off";
const WRITING = "input:not([type=checkbox],[type=radio]),textarea,select,[contenteditable]";

/** Bind keys to what they do: `actions` has a function for each key, and `digit(number)` for digits. */
export function bindShortcuts(actions) {
  const help = byId("help");
  const isOn = bindSwitch();
  listen(byId("keys"), { click: () => help?.showModal() });
  const keydown = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !isOn()) return;
    if (help?.open || event.target.closest?.(WRITING)) return;
    const { key } = event;
    if (key === "?") help?.showModal();
    else if (/^[1-9]$/.test(key)) actions.digit(Number(key));
    else if (actions[key]) actions[key]();
    else return;
    event.preventDefault();
  };
  listen(document, { keydown });
}

/** Bind the checkbox that switches the keys off; returns whether they are on. */
function bindSwitch() {
  const box = byId("help-keys");
  let on = recalled(NAME) !== OFF;
  if (box) {
    box.checked = on;
    const change = () => {
      on = box.checked;
      remember(NAME, on ? "on" : OFF);
    };
    listen(box, { change });
  }
  return () => on;
}
