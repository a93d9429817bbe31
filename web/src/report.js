/** The script of the report page. Without a payload only the small conveniences are there. */

import { parsedHash } from "./flame/paths.js";
import { bindCopying } from "./page/copy.js";
import { byId, onClick, say, scrollTo } from "./page/dom.js";
import { bindDownloads } from "./page/download.js";
import { bindHotspotLinks, openHotspot, openNumber } from "./page/hotspots.js";
import { bindPrinting } from "./page/print.js";
import { bindShortcuts } from "./page/shortcuts.js";
import { themeSwitch } from "./page/theme.js";
import { shownProfile } from "./profile_page.js";

document.documentElement.classList.add("js");

let shown = { flame: null, steps: null };

const theme = themeSwitch(() => {
  shown.flame?.recolour();
  shown.steps?.draw();
});

/** Go where the address says. */
function route() {
  const hash = location.hash.slice(1);
  const path = parsedHash(hash);
  if (!path) openHotspot(hash);
  else if (!shown.flame) return;
  else if (shown.flame.open(path)) scrollTo(byId("flame"));
  else say("The frame of this link is not in this profile");
}

function showInFlameGraph({ dataset }) {
  shown.flame?.showFunction({ name: dataset.function, file: dataset.file });
}

function search() {
  if (!shown.flame) return;
  scrollTo(byId("flame"));
  byId("flame-search").focus({ preventScroll: true });
  byId("flame-search").select();
}

bindCopying();
bindDownloads();
bindHotspotLinks();
bindPrinting(theme);
bindShortcuts({
  "/": search,
  n: () => shown.flame?.nextMatch(1),
  N: () => shown.flame?.nextMatch(-1),
  t: theme.turn,
  digit: openNumber,
});
onClick("[data-flame]", showInFlameGraph);

shownProfile().then((profile) => {
  shown = profile;
  route();
  addEventListener("hashchange", route);
  document.documentElement.dataset.ready = "";
});
