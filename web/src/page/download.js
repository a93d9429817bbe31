/** Buttons that save a file which the page holds. */

import { canInflate, inflated } from "../data/payload.js";
import { byId, onClick, say } from "./dom.js";

const KEPT_MS = 60_000; // a browser may read the blob after a dialog

/** Bind `data-download="ID"`: the element holds the file as base64 of gzip. */
export function bindDownloads() {
  onClick("[data-download]", async ({ dataset }) => {
    try {
      if (!canInflate()) throw new Error("this browser is too old");
      save([await inflated(byId(dataset.download).textContent)], dataset.name, dataset.type);
    } catch (error) {
      say(`${dataset.name} could not be saved: ${error.message}`);
    }
  });
}

/** Save parts as a file. */
export function save(parts, name, type) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
  say(`Saved ${name}`);
}
