/**
 * Turn the text of the page's payload element into a header and columns of whole numbers.
 *
 * Text: base64 of gzip of: header's length (u32, little endian), header (JSON), then the columns in the order of
 * `header.sections`, each [name, planes, count]: the lowest bytes of all numbers, then their second bytes, and so on.
 */

export const SCHEMA = 2;

/** The payload is not what was written. */
export class DamagedPayload extends Error {}

/** Return whether this browser can inflate a payload. */
export function canInflate() {
  return typeof DecompressionStream === "function";
}

/** Return the inflated bytes of base64 text, which may hold line breaks; gzip's checksum finds any damage. */
export async function inflated(text) {
  try {
    const packed = bytesFromBase64(text);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return await new Response(stream).arrayBuffer();
  } catch {
    throw new DamagedPayload("it can't be unpacked");
  }
}

/** Return the payload in an inflated buffer; raises DamagedPayload where a column is not in it. */
export function unpacked(buffer) {
  const { head, begin } = headerOf(buffer);
  const places = new Map();
  let from = begin;
  for (const [name, planes, count] of head.sections) {
    places.set(name, { from, planes, count });
    from += planes * count;
  }
  if (!(from <= buffer.byteLength)) throw new DamagedPayload("its columns are cut off");
  return new Payload(head, buffer, places);
}

/** A header and the columns after it; a column's planes are joined when it is first asked for. */
class Payload {
  #buffer;
  #places;

  constructor(head, buffer, places) {
    this.head = head;
    this.#buffer = buffer;
    this.#places = places;
  }

  has(name) {
    return this.#places.has(name);
  }

  /** Return a column; raises DamagedPayload where there is none of that name. */
  column(name) {
    const place = this.#places.get(name);
    if (!place) throw new DamagedPayload(`section ${name} is missing`);
    return (place.numbers ??= joined(this.#buffer, place));
  }

  /** Return columns of equal length by the ends of their names; raises DamagedPayload where the lengths differ. */
  columns(start, ends) {
    const found = ends.map((end) => this.column(start + end));
    if (found.some(({ length }) => length !== found[0].length)) {
      throw new DamagedPayload(`the columns ${start} differ in length`);
    }
    return found;
  }
}

function headerOf(buffer) {
  if (buffer.byteLength < 4) throw new DamagedPayload("it is empty");
  const begin = 4 + new DataView(buffer).getUint32(0, true);
  if (begin > buffer.byteLength) throw new DamagedPayload("its header is cut off");
  let head;
  try {
    head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, begin - 4)));
  } catch {
    throw new DamagedPayload("its header is not readable");
  }
  if (head.schema !== SCHEMA) throw new DamagedPayload(`its schema is ${head.schema}, not ${SCHEMA}`);
  return { head, begin };
}

function bytesFromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i); // `from` takes five times as long
  return bytes;
}

/** Return the numbers whose bytes stand in planes, the lowest first. */
function joined(buffer, { from, planes, count }) {
  const bytes = new Uint8Array(buffer, from, planes * count);
  if (planes < 2) return bytes;
  const numbers = new Uint32Array(count);
  for (let plane = 0, at = 0; plane < planes; plane++) {
    for (let i = 0; i < count; i++) numbers[i] |= bytes[at++] << (8 * plane);
  }
  return numbers;
}
