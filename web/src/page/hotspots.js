/** Open a hotspot: by its key, by a link in the page, or by the address. */

import { byId, onClick, setHash } from "./dom.js";

const HOTSPOT = /^hotspot-\d+$/;

/** Bind links to hotspots within the page: the one that the address already names opens as well. */
export function bindHotspotLinks() {
  onClick('a[href^="#hotspot-"]', (link) => openHotspot(link.hash.slice(1)));
}

/** Open a hotspot and bring it into sight; returns whether there is one of that id. */
export function openHotspot(id) {
  const details = HOTSPOT.test(id) ? byId(id)?.querySelector("details") : null;
  if (!details) return false;
  details.open = true;
  byId(id).scrollIntoView({ block: "start" });
  details.querySelector("summary").focus({ preventScroll: true });
  return true;
}

/** Open the hotspot of a number, and put it in the address. */
export function openNumber(number) {
  if (openHotspot(`hotspot-${number}`)) setHash(`hotspot-${number}`);
}
