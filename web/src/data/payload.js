/**
 * Turn the text of the page's payload element into a header and typed columns.
 *
 * Text: base64 of gzip of: header's length (u32, little endian), header (JSON), zeros up to a multiple of 8,
 * then the sections that the header lists, each from a multiple of 8.
 */

export const SCHEMA = 1;

const WIDTHS = { u8: 1, u16: 2, u32: 4, p32: 4 };
const VIEWS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array };

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

/** Return the payload in an inflated buffer; raises DamagedPayload where a section is not in it. */
export function unpacked(buffer) {
  const { head, begin } = headerOf(buffer);
  const places = new Map();
  for (const [name, type, offset, count] of head.sections) {
    const width = WIDTHS[type];
    if (!width || begin + offset + count * width > buffer.byteLength || offset % 8) {
      throw new DamagedPayload(`section ${name} is cut off`);
    }
    places.set(name, { type, from: begin + offset, count });
  }
  return new Payload(head, buffer, places);
}

/** A header and the sections after it; a column of byte planes is joined when it is first asked for. */
class Payload {
  #buffer;
  #places;
  #joined = new Map();

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
    const { type, from, count } = place;
    if (type !== "p32") return new VIEWS[type](this.#buffer, from, count);
    if (!this.#joined.has(name)) {
      this.#joined.set(name, joinedPlanes(new Uint8Array(this.#buffer, from, count * 4), count));
    }
    return this.#joined.get(name);
  }
}

function headerOf(buffer) {
  if (buffer.byteLength < 4) throw new DamagedPayload("it is empty");
  const length = new DataView(buffer).getUint32(0, true);
  if (4 + length > buffer.byteLength) throw new DamagedPayload("its header is cut off");
  let head;
  try {
    head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  } catch {
    throw new DamagedPayload("its header is not readable");
  }
  if (head.schema !== SCHEMA) throw new DamagedPayload(`its schema is ${head.schema}, not ${SCHEMA}`);
  return { head, begin: Math.ceil((4 + length) / 8) * 8 };
}

function bytesFromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Return numbers whose lowest bytes stand first, then all second bytes, and so on. */
function joinedPlanes(bytes, count) {
  const numbers = new Uint32Array(count);
  const [second, third, fourth] = [count, 2 * count, 3 * count];
  for (let i = 0; i < count; i++) {
    numbers[i] =
      bytes[i] | (bytes[second + i] << 8) | (bytes[third + i] << 16) | (bytes[fourth + i] << 24);
  }
  return numbers;
}
