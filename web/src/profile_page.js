/** The part of the page that needs the payload: the flame graph, the steps and the speedscope file. */

import { DamagedPayload, canInflate, inflated, unpacked } from "./data/payload.js";
import { profileOf } from "./data/profile.js";
import { speedscopeParts } from "./data/speedscope.js";
import { flamePanel } from "./flame/panel.js";
import { byId, listen } from "./page/dom.js";
import { save } from "./page/download.js";
import { stepsPanel } from "./steps/panel.js";

const REST = "All other sections are complete.";
const TOO_OLD = `This browser is too old for the flame graph: it needs Chrome 80, Firefox 113 or Safari 16.4. ${REST}`;
const NO_STACKS = "No stack was sampled in the measured steps: profile a longer window.";
const ONE_STEP = "One step was measured, so there is no course of steps to draw: profile more of them.";
const NO_STEPS = "No clean step was measured, so none is drawn.";

/**
 * Show the profile that the page holds, where it holds one.
 *
 * @returns {flame, steps}, each null where there is nothing to show; a sentence then stands in its place
 */
export async function shownProfile() {
  const holder = byId("payload");
  const none = { flame: null, steps: null };
  if (!holder) return none;
  if (!canInflate()) return refused(TOO_OLD, none);
  try {
    const profile = profileOf(unpacked(await inflated(holder.textContent)));
    holder.textContent = ""; // a third more than the data, no longer needed
    return shown(profile);
  } catch (error) {
    if (!(error instanceof DamagedPayload)) console.error(error); // a mistake of this script
    const why = error instanceof DamagedPayload ? error.message : "it can't be shown";
    return refused(`The profile in this file is damaged (${why}), so no flame graph is drawn. ${REST}`, none);
  }
}

function shown(profile) {
  const flame = profile.tabs.length ? flamePanel(profile) : null;
  if (!flame) refuse("flame", NO_STACKS);
  const steps = shownSteps(profile, flame);
  bindSpeedscope(profile);
  return { flame, steps };
}

function shownSteps(profile, flame) {
  if (!byId("steps-box")) return null;
  if (profile.steps.count < 2) {
    refuse("steps", profile.steps.count ? ONE_STEP : NO_STEPS);
    return null;
  }
  return stepsPanel(profile, { chosen: (range) => flame?.setSteps(range) });
}

function bindSpeedscope(profile) {
  const click = () => save(speedscopeParts(profile, document.title), "profile.speedscope.json", "application/json");
  listen(byId("download-speedscope"), { click });
}

function refused(sentence, none) {
  refuse("flame", sentence);
  refuse("steps", sentence);
  if (byId("download-speedscope")) byId("download-speedscope").disabled = true;
  return none;
}

/** Write a sentence in place of a section's canvas and choices. */
function refuse(section, sentence) {
  document.documentElement.classList.add(`no-${section}`);
  if (!byId(`${section}-body`)) return;
  byId(`${section}-body`).hidden = true;
  byId(`${section}-problem`).hidden = false;
  byId(`${section}-problem`).textContent = sentence;
}
