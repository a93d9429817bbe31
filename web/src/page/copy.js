/** Buttons that copy: the text of an element, or a link to a place of the page. */

import { byId, onClick, say, setHash } from "./dom.js";

const SHOWN_MS = 1600; // how long a button says that it copied

/** Bind `data-copy="ID"` and `data-link="HASH"`. */
export function bindCopying() {
  onClick("[data-copy]", (button) => copy(byId(button.dataset.copy)?.textContent ?? "", button));
  onClick("[data-link]", (button) => {
    setHash(button.dataset.link);
    copy(`${location.href.split("#")[0]}#${button.dataset.link}`, button);
  });
}

async function copy(text, button) {
  const done = (await copiedByClipboard(text)) || copiedBySelection(text);
  say(done ? "Copied" : "Not copied: select the text and copy it");
  flash(button, done ? "Copied" : "Not copied");
}

async function copiedByClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** For browsers that keep the clipboard from a file. */
function copiedBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "vh";
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
  }
}

function flash(button, text) {
  button.dataset.label ??= button.textContent;
  button.textContent = text;
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => (button.textContent = button.dataset.label), SHOWN_MS);
}
