/** Turn an unpacked payload into the nouns of the page: frames, tabs and steps. */

import { stepsOf } from "./step_times.js";
import { Tab } from "./tab.js";

/** Return the profile in a payload; raises DamagedPayload where its columns do not fit one another. */
export function profileOf(payload) {
  const { head } = payload;
  const frames = framesOf(head);
  const tabs = head.tabs.map((about, place) => new Tab(payload, about, { frames, place }));
  const steps = stepsOf(payload);
  return {
    categories: head.categories,
    frames,
    tabs,
    steps,
    baseline: head.baseline,
    /** Mean time of a step, to which differences are held. */
    stepNs: steps.count ? steps.mean(0, steps.count) : (tabs[0]?.nsPerStep(tabs[0].totalTicks) ?? 0),
  };
}

function framesOf(head) {
  const { name, file, line, own } = head.frames;
  const path = (frame) => head.files[file[frame]] ?? "";
  return {
    count: name.length,
    own: (frame) => own[frame] === 1,
    name: (frame) => name[frame],
    file: path,
    line: (frame) => line[frame],
    /** "train.py:48", "train.py" where the line is not known, "" where the file isn't either. */
    place: (frame) => (path(frame) && line[frame] > 0 ? `${path(frame)}:${line[frame]}` : path(frame)),
  };
}
