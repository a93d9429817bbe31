/** The few things that every part of the page does with elements. Text is only ever set as text. */

/** Return the element of an id, or null. */
export const byId = (id) => document.getElementById(id);

/** Return an element with a text. */
export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Let functions hear of events, by their type; of none where there is no target. */
export function listen(target, acts, options) {
  for (const [type, act] of Object.entries(acts)) target?.addEventListener(type, act, options);
}

/** Call `act(element, event)` for each click in an element that a selector finds, also in later ones. */
export function onClick(selector, act) {
  const click = (event) => {
    const found = event.target instanceof Element ? event.target.closest(selector) : null;
    if (found) act(found, event);
  };
  listen(document, { click });
}

/** Say a sentence to a screen reader. */
export function say(text) {
  const voice = byId("say") ?? madeVoice();
  voice.textContent = "";
  requestAnimationFrame(() => (voice.textContent = text)); // the same sentence again is said again
}

function madeVoice() {
  const voice = element("div", "", { id: "say", class: "vh", role: "status" });
  document.body.append(voice);
  return voice;
}

/** Bring an element into sight, smoothly unless the reader wants no motion. */
export function scrollTo(target) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}

/** Replace what follows # in the address, without an entry in the history. */
export function setHash(hash) {
  try {
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  } catch {
    // a browser may refuse from file://, or many in a short time: the page works without
  }
}
