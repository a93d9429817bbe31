/** The row of tabs above the flame graph. */

import { element, listen } from "../page/dom.js";

/** Fill a tablist; `chosen(tab)` hears of a choice. Returns how to mark a tab as the one shown. */
export function tablist(list, tabs, chosen) {
  const buttons = tabs.map((tab) => tabButton(tab, () => chosen(tab)));
  list.replaceChildren(...buttons);
  const keydown = (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = (to + buttons.length) % buttons.length;
    buttons[next].focus();
    chosen(tabs[next]);
  };
  listen(list, { keydown });
  return (shown) => {
    for (const [place, button] of buttons.entries()) {
      button.setAttribute("aria-selected", String(tabs[place] === shown));
      button.tabIndex = tabs[place] === shown ? 0 : -1;
    }
  };
}

function tabButton(tab, click) {
  const about = { type: "button", id: `flame-tab-${tab.id}`, role: "tab", "aria-controls": "flame-panel" };
  const button = element("button", tab.label, about);
  listen(button, { click });
  return button;
}
