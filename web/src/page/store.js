/** Remember a reader's choices; from file:// a browser may refuse, and then they last as long as the page. */

const PREFIX = "throughput-";

/** Return what was remembered under a name, or null. */
export function recalled(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Remember a text under a name. */
export function remember(name, text) {
  try {
    localStorage.setItem(PREFIX + name, text);
  } catch {
    // not allowed here
  }
}
